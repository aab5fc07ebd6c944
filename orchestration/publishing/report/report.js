// What a mark says is in its label; a pointer over it shows that.
const tip = document.getElementById("tip");
document.addEventListener("pointermove", (event) => {
  const mark = event.target.closest(".chart [role='graphics-symbol'][aria-label]:not([aria-roledescription='axis'], [aria-roledescription='legend'])");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.getAttribute("aria-label").replaceAll("; ", "\n");
  tip.style.whiteSpace = "pre-line";
  tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.max(event.clientY - tip.offsetHeight - 8, 8)}px`;
});

// Where the clipboard is refused, as for some files on disk, the query is selected instead.
document.addEventListener("click", async (event) => {
  if (!event.target.matches(".copy")) return;
  const code = event.target.closest(".query").querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    event.target.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
  }
});

// A link to a mart's columns opens them.
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target?.tagName === "DETAILS") target.open = true;
};
addEventListener("hashchange", open);
open();
