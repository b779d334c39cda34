// One list of formulas, [notebook, LaTeX, display], as MathML; set up as JupyterLab does it.
(() => {
  const jax = MathJax._, {STATE} = jax.core.MathItem;
  jax.handlers.html_ts.RegisterHTMLHandler(jax.adaptors.liteAdaptor.liteAdaptor());
  const visitor = new jax.core.MmlTree.SerializedMmlVisitor.SerializedMmlVisitor();
  // What JupyterLab loads, less what shows an unknown word in red, which must be seen here, and trees of proofs, for
  // which it would have to know the size of letters.
  const packages = [
    "base", "action", "ams", "amscd", "bbox", "boldsymbol", "braket", "cancel", "cases", "centernot",
    "color", "colortbl", "empheq", "enclose", "extpfeil", "gensymb", "html", "mathtools", "mhchem", "newcommand",
    "upgreek", "unicode", "verb", "configmacros", "tagformat", "textcomp", "textmacros",
  ];
  // Words of other packages that are often met, and those that only browsers have a use for.
  const macros = {
    bm: ["\\boldsymbol{#1}", 1], mathbbm: ["\\mathbb{#1}", 1], mathds: ["\\mathbb{#1}", 1], require: ["", 1],
    allowbreak: "",
  };
  const open = () => jax.mathjax.mathjax.document("", {
    InputJax: new jax.input.tex_ts.TeX({packages, macros, ignoreDuplicateLabels: true}),
  });
  const notebooks = {}; // each has its own macros and labels
  const set = ([notebook, tex, display]) => {
    const document = notebooks[notebook] ||= open();
    try {
      return visitor.visitTree(document.convert(tex, {display, end: STATE.CONVERT}));
    } catch (error) { // a fault of MathJax's own
      return "<math><merror><mtext>It cannot be read</mtext></merror></math>";
    }
  };
  globalThis.convert = formulas => {
    const found = formulas.map(set);
    const ahead = formulas.map((formula, i) => found[i].includes("???") ? set(formula) : found[i]); // labels below
    return JSON.stringify(ahead);
  };
})();
