import re
JOIN=r'(?:"\n\s*f?")?'
def subx(n, old, new, markdown=False):
    gap=r"\s+" if markdown else None
    parts=[(gap if markdown and ch==" " else re.escape(ch)) for ch in old]
    pat=re.compile(("" if markdown else JOIN).join(parts))
    hits=[i for i,c in enumerate(n.nb["cells"]) if (c["cell_type"]=="markdown")==markdown and pat.search(n.src(i))]
    assert len(hits)==1,(old,hits)
    s=n.src(hits[0]); assert len(pat.findall(s))==1,old
    s=pat.sub(lambda m:new,s)
    if not markdown:
        out=[]
        for l in s.split("\n"):
            m=re.match(r'^(\s+)"(.*\{.*)"(,?)$',l)
            if m and new.split("{")[0][-6:] in l: l=f'{m[1]}f"{m[2]}"{m[3]}'
            out.append(l)
        s="\n".join(out)
    n.set(hits[0],s)
