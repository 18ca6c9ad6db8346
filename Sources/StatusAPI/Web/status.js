// Keeps a page up to date: fetches it again every 2 seconds and replaces what has changed. A page whose job has ended says
// so by lacking data-live, and the fetching stops. Without scripts the page refreshes as a whole.
(function () {
  "use strict";
  const interval = 2000;
  let last = null;

  async function refresh() {
    const main = document.getElementById("main");
    if (!main || !main.hasAttribute("data-live")) return;
    // A hidden page costs the server nothing, and a selection is not torn away under somebody's cursor.
    const isSelecting = String(window.getSelection()) !== "";
    // Nor is a form that somebody has opened.
    const isFilling = main.querySelector("details[open], :is(input, select, button):focus") !== null;
    if (!document.hidden && !isSelecting && !isFilling) {
      try {
        const response = await fetch(location.href, { cache: "no-store" });
        if (response.ok) replace(main, await response.text());
        document.body.classList.toggle("stale", !response.ok);
      } catch (error) {
        document.body.classList.add("stale");
      }
    }
    setTimeout(refresh, interval);
  }

  function replace(main, html) {
    if (html === last) return;
    last = html;
    const next = new DOMParser().parseFromString(html, "text/html").getElementById("main");
    if (!next || next.innerHTML === main.innerHTML) return;
    const focused = document.activeElement && document.activeElement.getAttribute("href");
    main.replaceChildren(...next.childNodes);
    main.toggleAttribute("data-live", next.hasAttribute("data-live"));
    if (focused) {
      const link = Array.from(main.querySelectorAll("a")).find((a) => a.getAttribute("href") === focused);
      if (link) link.focus({ preventScroll: true });
    }
  }

  setTimeout(refresh, interval);
})();
