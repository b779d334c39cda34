"""Wrap implicit string concatenations of notebook code cells with a line over 110 characters."""
import json,re,sys
LINE=re.compile(r'^(\s+)(f?)"(.*)"(,?)$')
def words(text):
    out,depth,cur=[],0,""
    for ch in text:
        if ch=="{": depth+=1
        if ch=="}": depth-=1
        cur+=ch
        if ch==" " and depth==0: out.append(cur); cur=""
    if cur: out.append(cur)
    return out
def wrap(indent,text,comma,width=110):
    lines,cur=[],""
    for w in words(text):
        pre='f"' if "{" in cur+w else '"'
        if cur and len(indent)+len(pre)+len(cur+w)+1+len(comma)>width: lines.append(cur); cur=w
        else: cur+=w
    lines.append(cur)
    return [indent+('f"' if "{" in l else '"')+l+'"'+(comma if k==len(lines)-1 else "") for k,l in enumerate(lines)]
for p in sys.argv[1:]:
    nb=json.load(open(p)); changed=0
    for c in nb["cells"]:
        if c["cell_type"]!="code": continue
        src="".join(c["source"]).split("\n")
        if max(map(len,src))<=110: continue
        out,run=[],[]
        def flush():
            global changed
            if run:
                block=[m.group(0) for m in run]
                if max(map(len,block))>110:
                    assert all(m[2] or "{" not in m[3] for m in run), block
                    block=wrap(run[0][1],"".join(m[3] for m in run),run[-1][4])
                    changed+=1
                out.extend(block); run.clear()
        for l in src:
            m=LINE.match(l)
            if m and (not run or run[0][1]==m[1]):
                run.append(m)
                if m[4]: flush()
            else: flush(); out.append(l)
        flush()
        c["source"]="\n".join(out).splitlines(True)
        for l in out:
            if len(l)>110: print(p,len(l),l)
        if len(out)>20: print(p,"lines",len(out),out[0])
    if changed: open(p,"w").write(json.dumps(nb,ensure_ascii=False,indent=1)+"\n")
    print(p,changed)
