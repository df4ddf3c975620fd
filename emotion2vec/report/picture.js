// Hover, legend, zoom and pan of the interactive picture. The points are drawn already; this only moves and hides them.
"use strict";
(() => {
  const SIZE = 400, MAX_ZOOM = 40, REACH_PX = 14, STEP = 40;
  const data = JSON.parse(document.getElementById("data").textContent);
  const plots = document.querySelector(".plots"), tip = document.getElementById("tip");
  const hidden = new Set();

  class View {
    constructor(card, panel) {
      this.panel = panel;
      this.svg = card.querySelector(".plot");
      this.group = card.querySelector(".view");
      this.ring = card.querySelector(".ring");
      this.points = [...card.querySelectorAll(".p")].map(c => [c.cx.baseVal.value, c.cy.baseVal.value]);
      this.indexOf = new Map(panel.ids.map((id, index) => [id, index]));
      this.radius = parseFloat(this.svg.style.getPropertyValue("--r0"));
      this.fingers = new Map();
      this.reset();
    }
    reset() { [this.k, this.x, this.y] = [1, 0, 0]; this.apply(); }
    apply() {
      // half a picture of room on each side: nothing can be lost
      const hold = value => Math.min(SIZE / 2, Math.max(SIZE / 2 - SIZE * this.k, value));
      this.x = hold(this.x);
      this.y = hold(this.y);
      this.group.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.k})`);
      this.svg.style.setProperty("--r", this.radius * Math.sqrt(this.k) / this.k);
      this.svg.classList.toggle("zoomed", this.k > 1);
    }
    move(dx, dy) { this.x += dx; this.y += dy; this.apply(); }
    zoom(at, factor) {
      const k = Math.min(MAX_ZOOM, Math.max(1, this.k * factor)), ratio = k / this.k;
      this.k = k;
      this.x = at[0] - (at[0] - this.x) * ratio;
      this.y = at[1] - (at[1] - this.y) * ratio;
      this.apply();
      if (k === 1 && factor < 1) this.reset();
    }
    // place of a pointer in the plot's own units
    at(event) {
      const box = this.svg.getBoundingClientRect();
      return [(event.clientX - box.left) * SIZE / box.width, (event.clientY - box.top) * SIZE / box.height];
    }
    nearest(event) {
      const [x, y] = this.at(event), px = (x - this.x) / this.k, py = (y - this.y) / this.k;
      let best = -1, least = REACH_PX * SIZE / this.svg.getBoundingClientRect().width / this.k;
      this.points.forEach(([cx, cy], index) => {
        const distance = Math.hypot(cx - px, cy - py);
        if (distance < least && !hidden.has(this.panel.true[index])) [best, least] = [index, distance];
      });
      return best;
    }
    mark(index) {
      const shown = index !== undefined && index >= 0 && !hidden.has(this.panel.true[index]);
      this.ring.style.display = shown ? "inline" : "none";
      if (!shown) return;
      this.ring.setAttribute("cx", this.points[index][0]);
      this.ring.setAttribute("cy", this.points[index][1]);
    }
  }

  const views = [...document.querySelectorAll("[data-panel]")].map((card, index) => new View(card, data.panels[index]));

  function hide() {
    tip.hidden = true;
    views.forEach(view => view.mark());
  }

  function show(view, event) {
    const index = view.nearest(event);
    if (index < 0) return hide();
    const { ids, predicted } = view.panel, truth = view.panel.true[index], answer = predicted[index];
    const lines = [`true: ${data.labels[truth]}`];
    if (answer !== undefined) lines.push(`predicted: ${data.labels[answer]}${answer === truth ? "" : " (wrong)"}`);
    const name = document.createElement("b");
    name.textContent = ids[index] || "";
    tip.replaceChildren(name, lines.join("\n"));
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), room = [innerWidth - box.width - 8, innerHeight - box.height - 8];
    const below = event.clientY + 18 < room[1] ? event.clientY + 18 : event.clientY - box.height - 14;
    tip.style.transform = `translate(${Math.max(8, Math.min(event.clientX + 14, room[0]))}px,${Math.max(8, below)}px)`;
    views.forEach(other => other.mark(other === view ? index : other.indexOf.get(ids[index])));
  }

  function listen(view) {
    const { svg, fingers } = view;
    svg.addEventListener("wheel", event => {
      event.preventDefault();
      view.zoom(view.at(event), Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.04 : 0.002)));
      show(view, event);
    }, { passive: false });
    svg.addEventListener("pointerdown", event => {
      if (event.button) return;
      svg.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, view.at(event));
      show(view, event);
    });
    svg.addEventListener("pointermove", event => {
      const before = fingers.get(event.pointerId), now = view.at(event);
      if (!before) return show(view, event);
      fingers.set(event.pointerId, now);
      const others = [...fingers].filter(([id]) => id !== event.pointerId);
      if (others.length) {
        // a pinch zooms about the finger that rests
        const still = others[0][1], far = point => Math.max(1, Math.hypot(point[0] - still[0], point[1] - still[1]));
        view.zoom(still, far(now) / far(before));
      } else {
        // a finger on the whole picture scrolls the page
        if (view.k > 1 || event.pointerType !== "touch") view.move(now[0] - before[0], now[1] - before[1]);
      }
      svg.classList.add("dragging");
      hide();
    });
    for (const end of ["pointerup", "pointercancel"])
      svg.addEventListener(end, event => { fingers.delete(event.pointerId); svg.classList.remove("dragging"); });
    svg.addEventListener("pointerleave", event => { if (event.pointerType === "mouse") hide(); });
    svg.addEventListener("keydown", event => {
      const centre = [SIZE / 2, SIZE / 2];
      const actions = {
        ArrowLeft: () => view.move(STEP, 0), ArrowRight: () => view.move(-STEP, 0),
        ArrowUp: () => view.move(0, STEP), ArrowDown: () => view.move(0, -STEP),
        "+": () => view.zoom(centre, 1.4), "=": () => view.zoom(centre, 1.4), "-": () => view.zoom(centre, 1 / 1.4),
        0: () => view.reset(), Escape: hide,
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
  }
  views.forEach(listen);

  plots.addEventListener("click", event => {
    const action = event.target.dataset.do;
    if (!action) return;
    const view = views[event.target.closest("[data-panel]").dataset.panel];
    if (action === "all") view.reset();
    else view.zoom([SIZE / 2, SIZE / 2], action === "in" ? 1.4 : 1 / 1.4);
  });

  const keys = [...document.querySelectorAll(".key")], classesOf = key => key.dataset.k.split(" ").map(Number);
  keys.forEach(key => key.addEventListener("click", () => {
    const classes = classesOf(key), hideThem = classes.some(index => !hidden.has(index));
    classes.forEach(index => {
      hidden[hideThem ? "add" : "delete"](index);
      plots.classList.toggle(`hide-${index}`, hideThem);
    });
    keys.forEach(other => other.setAttribute("aria-pressed", classesOf(other).some(index => !hidden.has(index))));
    hide();
  }));
})();
