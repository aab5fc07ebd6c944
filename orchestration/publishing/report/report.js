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

// Claims that are asked for.
const filter = document.querySelector("form.filter");
if (filter) {
  filter.hidden = false;
  const rows = [...filter.closest("section").querySelectorAll("tbody tr")];
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", () => {
    const text = filter.elements.text.value.toLowerCase(), verdict = filter.elements.verdict.value;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(text) || (verdict && row.cells[2].textContent !== verdict);
    }
    filter.querySelector("[role=status]").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  });
}

// How old things are follows the reader's clock: the page may be read long after it was made.
for (const time of document.querySelectorAll("time[data-late-after]")) {
  const hours = (Date.now() - Date.parse(time.dateTime)) / 3600000;
  const days = Math.floor(hours / 24);
  time.textContent = hours < 1 ? "less than an hour ago" : days < 2 ? `${Math.floor(hours)} hours ago` : `${days.toLocaleString("en-US")} days ago`;
  time.classList.toggle("late", hours > Number(time.dataset.lateAfter));
}
