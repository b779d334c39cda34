import json,ast,glob,re
for f in sorted(glob.glob("notebooks/*.ipynb")):
    for c in json.load(open(f))["cells"]:
        if c["cell_type"]=="code":
            s="".join(c["source"]); tree=ast.parse(s)
            if max(map(len,s.split("\n")))>110 or len(s.split("\n"))>20: print(f,c["id"],len(s.split("\n")))
            if c["metadata"].get("jupyter",{}).get("source_hidden") and re.search(r"\bstatistics\.(?!span\()\w+\(|\bstudies\.(?!provenance\()\w+\(",s): print("folded",f,c["id"])
