"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const canvas = byId("canvas");
  const picture = canvas.querySelector("svg");
  const search = byId("search");
  const details = byId("details");
  const boxes = new Map([...picture.querySelectorAll(".entity")].map((box) => [box.dataset.name, box]));
  const lines = [...picture.querySelectorAll(".relation")];
  const entries = new Map();
  const byName = new Map(data.entities.map((entity) => [entity.name, entity]));
  let chosen = null;

  const element = (tag, content, options = {}) => {
    const made = Object.assign(document.createElement(tag), options);
    made.append(...[content].flat());
    return made;
  };

  // ---- where one looks ---------------------------------------------------------------------------

  const all = picture.viewBox.baseVal;
  const whole = { x: all.x, y: all.y, width: all.width, height: all.height };
  let view = { ...whole };
  picture.removeAttribute("width");
  picture.removeAttribute("height");

  const show = (next) => {
    const least = 160;
    const most = Math.max(whole.width, whole.height, canvas.clientWidth) * 3;
    if (next.width < least || next.width > most) return;
    view = next;
    picture.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  };
  const scale = () => view.width / canvas.clientWidth;
  // Small schemas are not blown up to fill the window.
  const fit = () => {
    const room = { width: canvas.clientWidth, height: canvas.clientHeight };
    const size = Math.max(whole.width / room.width, whole.height / room.height, 1);
    const [width, height] = [room.width * size, room.height * size];
    show({ x: whole.x - (width - whole.width) / 2, y: whole.y - (height - whole.height) / 2, width, height });
  };
  // A panel that opens takes from the picture's edge, and nothing moves.
  let shown = canvas.clientWidth;
  const resized = () => {
    const size = view.width / shown;
    shown = canvas.clientWidth;
    show({ ...view, width: shown * size, height: canvas.clientHeight * size });
  };
  const zoom = (factor, x = 0.5, y = 0.5) => {
    const width = view.width * factor;
    const height = view.height * factor;
    show({ x: view.x + (view.width - width) * x, y: view.y + (view.height - height) * y, width, height });
  };
  const move = (dx, dy) => show({ ...view, x: view.x - dx * scale(), y: view.y - dy * scale() });
  const bringIntoView = (box) => {
    const place = box.getBoundingClientRect();
    const room = canvas.getBoundingClientRect();
    const inside = place.left >= room.left && place.right <= room.right && place.top >= room.top && place.bottom <= room.bottom;
    if (!inside) {
      move(room.left + room.width / 2 - (place.left + place.width / 2), room.top + room.height / 2 - (place.top + place.height / 2));
    }
  };

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const room = canvas.getBoundingClientRect();
    zoom(Math.exp(event.deltaY * 0.0015), (event.clientX - room.left) / room.width, (event.clientY - room.top) / room.height);
  }, { passive: false });
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button === 0) held = { x: event.clientX, y: event.clientY, moved: false };
  });
  window.addEventListener("pointermove", (event) => {
    if (!held) return;
    const dx = event.clientX - held.x;
    const dy = event.clientY - held.y;
    if (!held.moved && Math.hypot(dx, dy) < 4) return;
    canvas.classList.add("moving");
    move(dx, dy);
    held = { x: event.clientX, y: event.clientY, moved: true };
  });
  let dragged = false;
  window.addEventListener("pointerup", () => {
    dragged = Boolean(held && held.moved);
    held = null;
    canvas.classList.remove("moving");
  });

  // ---- what is looked at ---------------------------------------------------------------------------

  const words = () => search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (text, asked) => text != null && asked.some((word) => text.toLowerCase().includes(word));
  const fits = (entity, asked) =>
    asked.every((word) => [entity.name, entity.model, entity.comment, ...entity.columns.flatMap((c) => [c.name, c.type, c.comment])]
      .some((text) => holds(text, [word])));

  const draw = () => {
    const asked = words();
    const hits = new Set(data.entities.filter((entity) => asked.length && fits(entity, asked)).map((entity) => entity.name));
    const near = new Set(chosen === null ? [] : [chosen]);
    for (const relation of data.relations) {
      if (relation.child === chosen) near.add(relation.parent);
      if (relation.parent === chosen) near.add(relation.child);
    }
    const bright = (name) => (chosen === null ? !asked.length || hits.has(name) : near.has(name));
    for (const [name, box] of boxes) {
      box.classList.toggle("faded", !bright(name));
      box.classList.toggle("hit", hits.has(name));
      box.classList.toggle("chosen", name === chosen);
      box.setAttribute("aria-pressed", String(name === chosen));
      const columns = byName.get(name).columns;
      box.querySelectorAll(".row").forEach((row, place) => row.classList.toggle("hit", holds(columns[place].name, asked)));
      const entry = entries.get(name);
      entry.hidden = Boolean(asked.length) && !hits.has(name);
      entry.firstChild.setAttribute("aria-pressed", String(name === chosen));
    }
    for (const line of lines) {
      const ends = [line.dataset.child, line.dataset.parent];
      const lit = chosen !== null && ends.includes(chosen);
      line.classList.toggle("lit", lit);
      line.classList.toggle("faded", !lit && (chosen !== null || !ends.every(bright)));
    }
    byId("found").textContent = asked.length ? `${hits.size} of ${data.entities.length}` : "";
    tell();
    const address = new URLSearchParams();
    if (search.value) address.set("q", search.value);
    if (chosen !== null) address.set("table", chosen);
    history.replaceState(null, "", address.size ? `#${address}` : location.pathname + location.search);
  };

  const choose = (name) => {
    chosen = name === chosen ? null : name;
    draw();
    resized();
    if (chosen !== null) bringIntoView(boxes.get(chosen));
  };

  const link = (name, told) => element("li", element("button", told, { type: "button", onclick: () => choose(name) }));

  const tell = () => {
    details.replaceChildren();
    details.hidden = chosen === null;
    if (chosen === null) return;
    const entity = byName.get(chosen);
    details.append(element("button", "×", { className: "close", type: "button", ariaLabel: "Close", onclick: () => choose(chosen) }));
    details.append(element("h2", entity.name));
    if (entity.model) details.append(element("p", `model ${entity.model}`));
    if (entity.comment) details.append(element("p", entity.comment));
    const list = element("dl", []);
    for (const column of entity.columns) {
      const marks = column.marks.map((mark) => element("span", mark, { className: `mark ${mark.toLowerCase()}` }));
      list.append(element("dt", [...marks, element("span", column.name), element("span", column.type, { className: "type" })]));
      if (column.comment) list.append(element("dd", column.comment));
      if (column.field) list.append(element("dd", `field ${column.field}`));
      for (const rule of column.rules) list.append(element("dd", rule, { className: "sql" }));
    }
    details.append(element("h3", "Columns"), list);
    if (entity.rules.length) {
      details.append(element("h3", "Constraints and indexes"), element("ul", entity.rules.map((rule) => element("li", rule))));
    }
    const up = data.relations.filter((relation) => relation.child === chosen);
    const down = data.relations.filter((relation) => relation.parent === chosen && relation.child !== chosen);
    const told = (relation) => relation.told + (relation.enforced ? "" : " (no constraint)");
    if (up.length) details.append(element("h3", "Refers to"), element("ul", up.map((relation) => link(relation.parent, told(relation)))));
    if (down.length) details.append(element("h3", "Referred to by"), element("ul", down.map((relation) => link(relation.child, told(relation)))));
  };

  // ---- light and dark --------------------------------------------------------------------------------

  const root = document.documentElement;
  const toggleTheme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };

  // ---- the beginning ---------------------------------------------------------------------------------

  byId("title").textContent = document.title;
  for (const entity of data.entities) {
    const button = element("button", [element("span", entity.name), element("small", String(entity.columns.length))], {
      type: "button",
      title: entity.comment ?? "",
      onclick: () => choose(entity.name),
    });
    const entry = element("li", button);
    entries.set(entity.name, entry);
    byId("tables").append(entry);
    const box = boxes.get(entity.name);
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "button");
    box.setAttribute("aria-label", `${entity.name}, ${entity.columns.length} columns`);
    box.addEventListener("click", () => dragged || choose(entity.name));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(entity.name);
      }
    });
  }
  picture.setAttribute("role", "group");
  search.addEventListener("input", draw);
  byId("in").onclick = () => zoom(1 / 1.25);
  byId("out").onclick = () => zoom(1.25);
  byId("fit").onclick = fit;
  byId("theme").onclick = toggleTheme;
  const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (chosen !== null) choose(chosen);
      else if (search.value) { search.value = ""; draw(); }
      return;
    }
    if (event.target === search) return;
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    else if (event.key === "+" || event.key === "=") zoom(1 / 1.25);
    else if (event.key === "-") zoom(1.25);
    else if (event.key === "0") fit();
    else if (event.key === "t") toggleTheme();
    else if (steps[event.key] && canvas.contains(event.target)) { event.preventDefault(); move(...steps[event.key]); }
  });
  const asked = new URLSearchParams(location.hash.slice(1));
  search.value = asked.get("q") ?? "";
  chosen = boxes.has(asked.get("table")) ? asked.get("table") : null;
  draw();
  shown = canvas.clientWidth;
  fit();
  new ResizeObserver(resized).observe(canvas);
})();
