"""Each study's plan: what is asked, what would refute it, how it is tested, and what was known before."""

IDEAS = """\
*Question.* Which of LeNet-5's ideas carries its lead over an MLP: locality (a value of C1 or C3 depends on 5 × 5
neighbouring places), shared weights (the same at every place), or pooling?

*Networks.* LeNet-5, and the same network without sharing (each place has weights of its own), without pooling (C1 and
C3 move by two pixels instead), and with neither, which leaves locality. S4 and the layers after it keep their shapes.
Everything is trained by the protocol of chapter 5, with 10 seeds.

*Comparisons.* Five, with the pixels in order: sharing with pooling and without it, pooling with sharing and without
it, and the network with neither against the MLP, which has more parameters. The networks of a pair have the same seeds.
The interval of a difference allows for other seeds and other test images; p is adjusted for five tests (Holm).

*Parts.* The lead of LeNet-5 over the MLP is the sum of three parts: that of locality is the lead of the network with
neither, those of sharing and of pooling are the means of their two comparisons. The largest part is said to carry the
lead if the interval of its difference to the second largest is above zero; else no idea is named.

*What would refute it.* An idea is said to be needed if both its comparisons (for locality the one) are significant and
above zero. If one is not, the report says so.

*Beside it.* The same networks with permuted pixels and on 1,000, 10,000 and 60,000 images are shown with intervals, and
not tested. With permuted pixels no network should lead the MLP."""

TECHNIQUES = """\
*Question.* Which of eight regularization techniques raises LeNet-5's accuracy in the protocol of chapter 5, each alone?
Do seven together (early stopping would end them too soon), and which of the seven is needed there?

*Training runs.* Without any technique, with each of the eight and with seven together: 20 paired seeds. With one of the
seven left out: 10. The strengths were chosen before, on validation images. The runs of the first five seeds were known
when this plan was written: with them only the seven together had a significant gain.

*Tests.* Nine gains over the network without any technique, and seven losses by leaving one out. The intervals allow for
other seeds and other test images; p is adjusted for nine and for seven tests (Holm).

*What would refute it.* A technique is said to help only if its gain is above zero and its adjusted p below 5 %. Of the
others the report says that 20 seeds do not show it. The single techniques are not ranked."""

CONTROLS = """\
*Question.* By the protocol of chapter 5 LeNet-5 has some 100 misses, regularized it has 39. Which of the changes
between the two matter, and how much? The same for the MLP.

*Steps.* Each keeps the changes before it: all 60,000 training images (and so the last epoch's weights); AdamW, the
one-cycle schedule and more epochs, without regularization; augmentation; label smoothing and weight decay; averaged
weights; SiLU (LeNet-5 only). 10 seeds each. The runs of the first two recipes, and five of the last one, were known
when this plan was written.

*Tests.* Each step against the one before it: eleven differences over seeds and test images, adjusted (Holm). The order
of the steps is fixed, and another order might divide the gain in another way.

*What would refute it.* "Regularization does more than parameters" is kept only if the MLP gains more from its three
regularizing steps together than the MLP leads the small MLP, which has a quarter of its parameters, and if the interval
of the difference is above zero."""

CAPACITY = """\
*Question.* How does the accuracy depend on the number of parameters, and where does an MLP reach LeNet-5?

*Networks.* LeNet-5 with all its widths times 1/4, 1/2, 1, 2 and 4, from 4,157 to 972,554 parameters, and MLPs with two
hidden layers of about the same sizes. The protocol of chapter 5, 5 seeds.

*Tests.* Each of the five MLPs against LeNet-5 with 61,706 parameters, over seeds and test images, adjusted (Holm).

*What would refute it.* An MLP is said to reach LeNet-5 if it is not significantly below it. If the largest one is, the
report says that no MLP up to this size reaches it. One protocol serves all sizes; a rate for each might change this."""

LONGER = """\
*Question.* Do the regularized networks become more accurate with three times the epochs and everything else, also the
number of parameters, as it is: LeNet-5 with 120 epochs instead of 40, the MLP with 300 instead of 100?

*Choosing.* By the same six-fold cross-validation on the training images as the recipes with fewer epochs, with one
seed. There LeNet-5 had 284 misses of 60,000 and the MLP 406. A longer recipe is said to gain if it has at least 5 %
fewer. If it does not, nothing is trained for the test set.

*Training runs.* A recipe that gains is trained on all 60,000 images with 10 seeds, to the last epoch. After the
recipes with fewer epochs this is the second time that the test images are asked about a regularized network that
cross-validation chose; nothing is chosen on them.

*Tests.* The longer recipe against the shorter one, in pairs of seeds, over seeds and test images; p is adjusted for as
many tests as there are recipes that gain (Holm).

*What would refute it.* Longer training is said to help on the test images only if the gain is above zero and its
adjusted p below 5 %; else the report says that it is not shown. The longer recipe is used either way, because
cross-validation chose it."""

ROBUST = """\
*Question.* Against lower contrast, blur and noise the regularized LeNet-5 is worse than the plain one. Does it keep its
accuracy on clean images, and is it no longer worse against any kind, if such changes are among its distortions?

*Choosing.* Four candidates, trained with one seed on 55,000 images, answer the 5,000 validation images, clean and
corrupted. A candidate qualifies if it has at most 5 more misses of the clean images than the regularized LeNet-5 (they
cannot tell finer), and if its accuracy, the mean over the strengths, is for no kind below that of plain LeNet-5. Of
those that qualify the one with the highest mean over all kinds is used. If none does, the report says so, and nothing
is trained for the test set.

*A second group.* None of these four qualified: against covered squares all are below plain LeNet-5, and three miss too
many clean images. Four more were written down when this was known. They also cover a random square, they change the
values of a half or a quarter of the images only, and two of them have 80 epochs instead of 40. The rule and the
validation images are the same.

*A third group.* Again none qualified. The nearest has 80 epochs and changes a half of the images: it is below plain
LeNet-5 only against lower contrast. So two more were written down, with lower contrast, more blur, less noise and
smaller squares, for a half and a third of the images, and 80 epochs.

*A fourth group.* These are below plain LeNet-5 against no kind, but have one and four misses too many. The last two
have the same changes for a fifth and a tenth of the images, and 120 epochs.

*Training runs.* The chosen recipe on all 60,000 images and plain LeNet-5 by the protocol of chapter 5: 10 seeds each.

*Tests.* Clean test images: the difference to the regularized LeNet-5 in pairs of seeds, over seeds and test images.
Corrupted test images: for each of the six kinds the difference to plain LeNet-5, the mean over the strengths, in pairs
of seeds; p is adjusted for six tests (Holm).

*What would refute it.* A mean difference of clean images below -0.05 points, or a kind against which the chosen network
is significantly worse than plain LeNet-5."""
