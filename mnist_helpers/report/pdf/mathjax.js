// One list of formulas, [notebook, LaTeX, display], as SVG; set up as JupyterLab does it. SIZES: in pixels, of an
// em, of the letter x, and of a line of the page.
(() => {
  const jax = MathJax._, adaptor = jax.adaptors.liteAdaptor.liteAdaptor({cjkCharWidth: 0.93}); // NanumGothic's
  jax.handlers.html_ts.RegisterHTMLHandler(adaptor);
  // What JupyterLab loads, less what shows an unknown word in red, which must be seen here.
  const packages = [
    "base", "action", "ams", "amscd", "bbox", "boldsymbol", "braket", "bussproofs", "cancel", "cases", "centernot",
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
    OutputJax: new jax.output.svg_ts.SVG({font: new jax.output.svg.fonts.tex_ts.TeXFont(), fontCache: "none"}),
  });
  const notebooks = {}; // each has its own macros and labels
  const style = // of the lines in tables; what else MathJax's own style sheet says is for browsers
    "line[data-line], rect[data-frame] {stroke-width: 70px; fill: none} .mjx-dashed {stroke-dasharray: 140} " +
    ".mjx-dotted {stroke-linecap: round; stroke-dasharray: 0,140}";
  const set = ([notebook, tex, display]) => {
    const document = notebooks[notebook] ||= open();
    try {
      const draw = more => adaptor.firstChild(document.convert(tex, {display, ...SIZES, ...more}));
      let svg = draw({});
      const least = SIZES.ex * parseFloat(adaptor.getStyle(svg, "min-width")); // of one with a number
      if (least > SIZES.containerWidth) svg = draw({containerWidth: least});
      adaptor.insert(adaptor.node("style", {}, [adaptor.text(style)]), adaptor.firstChild(svg));
      return adaptor.outerHTML(svg);
    } catch (error) { // a fault of MathJax's own
      return '<svg data-mjx-error="It cannot be read"/>';
    }
  };
  globalThis.convert = formulas => {
    const found = formulas.map(set);
    // what refers to a number may stand before it
    return JSON.stringify(formulas.map((formula, i) => found[i].includes("MathJax_ref") ? set(formula) : found[i]));
  };
})();
