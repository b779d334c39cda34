import sys; sys.path.insert(0,"/tmp/try"); sys.path.insert(0,"/tmp/try/tests/digit")
import torch; torch.set_num_threads(1)
import photos, time
from collections import Counter
from mnist_helpers import data, digit
from mnist_helpers.digit import answers, photo
print(len(photos.KINDS))
d=data.load(device="cpu").train
n=int(sys.argv[1]); t=time.time()
tot={k:Counter() for k in ("best","robust","robust+check")}
for name in photos.KINDS:
    for pic,label in photos.photos(d,name,n,5):
        read=photos.KINDS[name].read
        for key,net,nets in (("best","best-lenet5",("best-lenet5","best-mlp")),("robust","robust-lenet5",("best-lenet5","best-mlp")),("robust+check","robust-lenet5",("robust-lenet5","best-mlp"))):
            answers.NETWORKS=nets
            try: r=photo.classify(pic,net).digit; o="right" if read and r==label else "wrong"
            except digit.DigitError: o="refused" if read else "right"
            tot[key][o]+=1
    print(name,{k:dict(v) for k,v in tot.items()},round(time.time()-t),flush=True)
