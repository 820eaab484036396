// Keeps what a reader has opened over a refresh of the board, closes menus as people expect, and says when the
// connection is lost. The board works without it.
"use strict";

(() => {
  const menus = "details.person[open], details.explained[open]";
  let open = [];

  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.detail.target.querySelectorAll("details[open][id]")].map((each) => each.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) {
      const again = document.getElementById(id);
      if (again) again.open = true;
    }
  });

  const lost = (is) => document.documentElement.classList.toggle("is-lost", is);
  document.addEventListener("htmx:afterRequest", (event) => lost(!event.detail.successful));

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll(menus)) {
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(menus)) if (!menu.contains(event.target)) menu.open = false;
  });
})();
