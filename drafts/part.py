"""Run a notebook's code cells; what fails for want of a training is skipped. part.py NB [marker...]"""
import json,sys,io,os,traceback,contextlib
os.chdir("notebooks"); sys.path.insert(0, os.path.abspath(".."))  # from a scratch copy of the project
import torch; torch.set_num_threads(1)
from mnist_helpers import training
from mnist_helpers.report import Chapter
from mnist_helpers.training import jobs
def no(*a,**k): raise RuntimeError("no training here")
for mod in (training,jobs):
    for f in ("train","train_many","train_grid","train_jobs"): setattr(mod,f,no)
Chapter.say=lambda self,text: print("SAY:",text)
Chapter.table=lambda self,frame,name,caption,**k: print("TABLE",name,caption,"\n"+frame.to_string(index=False))
figs="../figs"; os.makedirs(figs,exist_ok=True)
def fig(self,figure,name,caption,**k):
    figure.savefig(f"{figs}/{name}.png",dpi=110); print("FIGURE",name,caption)
Chapter.figure=fig
Chapter.check=lambda self,ok,what: print("CHECK",bool(ok),what)
Chapter.record=lambda self,*a,**k: None
nb=json.load(open(sys.argv[1])); ns={"seeds":"seeds 42, 43, 44"}
for i,c in enumerate(nb["cells"]):
    if c["cell_type"]!="code": continue
    try:
        out=io.StringIO()
        with contextlib.redirect_stdout(out): exec(compile("".join(c["source"]),f"cell{i}","exec"),ns)
        print(f"[{i}]",out.getvalue(),end="")
    except Exception as e:
        print(f"[{i}] FAILED {type(e).__name__}: {e}")
