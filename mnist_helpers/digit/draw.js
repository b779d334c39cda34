// The drawing field of DrawDigit: strokes go to Python as a PNG, answers come back as numbers.
const PAPER = 280, PEN = 20, WAIT = 120;  // pixels, pixels, milliseconds between two pictures
const VIEWS = { prepared: "As MNIST prepares it", unprepared: "Only made smaller" };

function element(parent, name, attributes = {}, text = "") {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.textContent = text;
  parent.appendChild(made);
  return made;
}

function drawPixels(canvas, pixels) {  // 784 values of 0 (background) to 255 (ink), as ink on paper
  const context = canvas.getContext("2d"), image = context.createImageData(28, 28);
  pixels.forEach((value, i) => image.data.set([255 - value, 255 - value, 255 - value, 255], 4 * i));
  context.putImageData(image, 0, 0);
}

function addBars(parent, network, colour) {
  const box = element(parent, "div", { class: "network", "data-network": network });
  const head = element(box, "div", { class: "answer" });
  const bars = [...Array(10).keys()].map((digit) => {
    const row = element(box, "div", { class: "row" });
    element(row, "span", {}, String(digit));
    return element(row, "div", { class: "bar", style: `background: ${colour}` });
  });
  return (probabilities) => {
    const digit = probabilities?.indexOf(Math.max(...probabilities));
    head.textContent = `${network}: ${digit ?? "–"}`;
    bars.forEach((bar, k) => {
      const share = probabilities?.[k] ?? 0;
      bar.style.width = `${90 * share}px`;
      bar.title = `${(100 * share).toFixed(1)} %`;
    });
  };
}

function addView(parent, key, colours) {
  const box = element(parent, "div", { class: "view", "data-view": key });
  element(box, "div", { class: "title" }, VIEWS[key]);
  const image = element(box, "canvas", { width: 28, height: 28, class: "seen" });
  const shows = Object.entries(colours).map(([network, colour]) => [network, addBars(box, network, colour)]);
  return (view) => {
    drawPixels(image, view?.pixels ?? Array(784).fill(0));
    shows.forEach(([network, show]) => show(view?.answers[network]));
  };
}

function render({ model, el }) {
  el.classList.add("draw-digit");
  const left = element(el, "div", { class: "paper" });
  const canvas = element(left, "canvas", { width: PAPER, height: PAPER, "aria-label": "Draw a digit here" });
  const clear = element(left, "button", {}, "Clear");
  const message = element(left, "div", { class: "message", role: "status" });
  const views = Object.keys(VIEWS).map((key) => [key, addView(el, key, model.get("colours"))]);
  const context = canvas.getContext("2d");
  let last = null, timer = null;

  function wipe() {
    context.fillStyle = "white";
    context.fillRect(0, 0, PAPER, PAPER);
    Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
  }
  function send() {
    timer = null;
    model.set("picture", canvas.toDataURL("image/png"));
    model.save_changes();
  }
  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * PAPER / box.width, (event.clientY - box.top) * PAPER / box.height];
  }
  function stroke(event) {
    if (!last) return;
    const next = at(event);
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...next);
    context.stroke();
    last = next;
    timer = timer ?? setTimeout(send, WAIT);
  }
  function show() {
    const answers = model.get("answers");
    message.textContent = answers.message ?? (answers.prepared ? "" : "Draw a digit with mouse or finger.");
    views.forEach(([key, view]) => view(answers[key]));
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    stroke(event);  // a dot
  });
  canvas.addEventListener("pointermove", stroke);
  ["pointerup", "pointercancel"].forEach((name) => canvas.addEventListener(name, () => { last = null; }));
  clear.addEventListener("click", () => {
    clearTimeout(timer);
    timer = null;
    wipe();
    model.set("picture", "");  // Python clears the answers, after the last picture's
    model.save_changes();
  });
  model.on("change:answers", show);
  wipe();
  show();
  return () => model.off("change:answers", show);
}

export default { render };
