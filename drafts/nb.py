"""Edit notebooks' cell sources by their text."""
import json
from pathlib import Path
class NB:
    def __init__(s, path): s.path=Path(path); s.nb=json.loads(s.path.read_text())
    def src(s,i): return "".join(s.nb["cells"][i]["source"])
    def find(s, text):
        hits=[i for i in range(len(s.nb["cells"])) if text in s.src(i)]
        assert len(hits)==1, (text, hits)
        return hits[0]
    def set(s,i,new): s.nb["cells"][i]["source"]=new.strip("\n").splitlines(True)
    def sub(s, old, new, count=1):
        hits=[i for i in range(len(s.nb["cells"])) if old in s.src(i)]
        if not hits and old.endswith("\n"): return s.sub(old[:-1], new.rstrip("\n"), count)
        assert len(hits)==count, (old, hits)
        for i in hits: s.set(i, s.src(i).replace(old,new))
    def cell(s, marker, new): s.set(s.find(marker), new)
    def save(s): s.path.write_text(json.dumps(s.nb,indent=1,ensure_ascii=False)+"\n")
