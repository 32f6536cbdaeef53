"""What the page of a comparison does beyond being read: its own JavaScript. Without it everything is still there."""

SCRIPT = """
"use strict";
const box = document.body.appendChild(document.createElement("pre"));
box.id = "beside";
box.hidden = true;

function show(point) {
  const leads = point.hasAttribute("href") ? "\\n(click or Enter: its run)" : "";
  box.textContent = point.getAttribute("aria-label") + leads;
  box.hidden = false;
  const at = point.getBoundingClientRect();
  const left = Math.min(at.right + 8, document.documentElement.clientWidth - box.offsetWidth - 8);
  box.style.left = Math.max(8, left) + window.scrollX + "px";
  box.style.top = at.bottom + 8 + window.scrollY + "px";
}
function hide() { box.hidden = true; }

for (const plot of document.querySelectorAll("svg.front")) {
  const across = (point) => point.getBoundingClientRect().left;
  const points = [...plot.querySelectorAll(".point")].sort((one, other) => across(one) - across(other));
  points.forEach((point, index) => {
    point.querySelector("title").remove();
    point.setAttribute("tabindex", index ? "-1" : "0");  // one stop for Tab; arrows go from point to point
    point.addEventListener("mouseenter", () => show(point));
    point.addEventListener("mouseleave", hide);
    point.addEventListener("focus", () => show(point));
    point.addEventListener("blur", hide);
    point.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step || !points[index + step]) return;
      event.preventDefault();
      points[index + step].focus();
    });
  });
}

const among = [...document.querySelectorAll("svg.front .point")];
const names = [...new Set(among.map((point) => point.dataset.contestant))];
const place = document.getElementById("highlight");
if (place && names.length) {
  const choice = document.createElement("select");
  for (const name of ["all contestants", ...names]) choice.add(new Option(name));
  choice.addEventListener("change", () => {
    for (const point of among) {
      point.classList.toggle("faded", choice.selectedIndex > 0 && point.dataset.contestant !== choice.value);
    }
  });
  const label = document.createElement("label");
  label.append("Show ", choice);
  place.append(label);
}

for (const table of document.querySelectorAll(".sortable table")) {
  const text = (row, column) => row.cells[column].textContent;
  const compare = (one, other) => {
    const [x, y] = [parseFloat(one), parseFloat(other)].map((value) => (isNaN(value) ? Infinity : value));
    return x === y ? one.localeCompare(other, "en") : x - y;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => (down ? -1 : 1) * compare(text(one, column), text(other, column)));
      table.tBodies[0].append(...rows);
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
"""
