import json,sys,os
os.chdir("/tmp/try/notebooks"); sys.path.insert(0,"/tmp/try")
import torch; torch.set_num_threads(1)
from mnist_helpers.report import Chapter
Chapter.say=lambda self,text: print("SAY:",text)
Chapter.table=lambda self,frame,name,caption,**k: print("TABLE",name,caption,"\n"+frame.to_string(index=False))
Chapter.figure=lambda self,figure,name,caption,**k: (figure.savefig(f"/tmp/{name}.png",dpi=110),print("FIGURE",name,caption))
Chapter.check=lambda self,ok,what: print("CHECK",bool(ok),what)
Chapter.record=lambda self,*a,**k: print("RECORD",a,k)
nb=json.load(open("07_inside_the_networks.ipynb")); src=["".join(c["source"]) for c in nb["cells"]]
ns={}
a=next(i for i,s in enumerate(src) if s.startswith("## 7.9")); b=next(i for i,s in enumerate(src) if s.startswith("## 7.10"))
for i in [1,2,4,*range(a,b)]:
    if nb["cells"][i]["cell_type"]=="code": exec(compile(src[i],f"cell{i}","exec"),ns)
    elif i>=a: print(src[i])
