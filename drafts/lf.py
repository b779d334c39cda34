from mnist_helpers import studies
import sys
s=studies.STUDIES[sys.argv[1]]
for j in s.jobs:
    r=studies._finished(*j)
    if r: print(j[0].name, j[1], round((1-r.history[-1]["valid_accuracy"])*10000) if r.recipe.validation else len(r.wrong), round(r.environment["seconds"]))
