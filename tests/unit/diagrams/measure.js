// What a test adds to a page: it does some things there, and writes down what is to be seen.
"use strict";
addEventListener("load", async () => {
  const found = {};
  const act = ACTIONS;
  const seen = (element) => element.getClientRects().length > 0;
  const rect = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const look = () => ({
    boxes: Object.fromEntries(all(".entity").map((e) => [e.dataset.name, rect(e.querySelector(".frame"))])),
    inside: all(".entity").every((e) => [...e.querySelectorAll("text")].every((t) => {
      const [box, text] = [rect(e.querySelector(".frame")), rect(t)];
      return text[0] >= box[0] && text[2] <= box[2] && text[1] >= box[1] && text[3] <= box[3];
    })),
    apart: all(".row").every((row) => {
      const [column, type] = [rect(row.querySelector(".column")), rect(row.querySelector(".type"))];
      return column[2] < type[0];
    }),
    relations: all(".relation").map((e) => [e.dataset.child, e.dataset.parent, e.querySelector(".way").getTotalLength()]),
    bright: all(".entity:not(.faded)").map((e) => e.dataset.name),
    hits: all(".row.hit .column").map((e) => e.textContent),
    lit: all(".relation.lit").length,
    listed: all("#tables li").filter(seen).map((e) => e.querySelector("span").textContent),
    count: document.getElementById("found").textContent,
    details: document.getElementById("details").innerText,
    hash: decodeURIComponent(location.hash),
    canvas: rect(document.getElementById("canvas")),
    viewBox: document.querySelector("#canvas svg").getAttribute("viewBox").split(" ").map(Number),
    paper: getComputedStyle(document.body).backgroundColor,
    scripts: all("#canvas script, aside script, nav script").length,
    ran: window.ran === true,
    title: document.title,
    heading: document.querySelector("h1").textContent,
    focus: document.activeElement.id || document.activeElement.dataset.name,
  });
  const key = (name, target = document.body) =>
    target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  const click = (selector) => document.querySelector(selector).dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const results = [look()];
  for (const step of act) {
    await step({ key, click, document, window });
    results.push(look());
  }
  const place = document.createElement("pre");
  place.id = "measured";
  place.textContent = JSON.stringify(results);
  document.body.append(place);
});
