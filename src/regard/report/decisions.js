"use strict";
(() => {
  // what was chosen, as pairs by the bytes of their pictures: the choice about a pair itself comes after its group's
  const decided = () => {
    const found = new Map();
    const say = (a, b, verdict) => {
      if (a.content !== b.content) found.set([a.content, b.content].sort().join(" "), { a: a.id, b: b.id, verdict });
    };
    const chosen = (box) => box.querySelector("input:checked")?.value ?? "";
    for (const group of document.querySelectorAll("[data-group]")) {
      const all = [...group.querySelectorAll("[data-picture]")].map((box) => ({
        ...JSON.parse(box.dataset.picture), verdict: chosen(box),
      }));
      const [first, ...others] = all.filter((one) => one.verdict === "same");
      for (const one of others) say(first, one, "same");
      all.forEach((one, at) => all.slice(at + 1).forEach((other) => {
        if (one.verdict === "different" || other.verdict === "different") say(one, other, "different");
      }));
    }
    for (const box of document.querySelectorAll("[data-pair]")) {
      const [a, b] = JSON.parse(box.dataset.pair);
      if (chosen(box)) say(a, b, chosen(box));
    }
    return [...found.values()];
  };
  const bar = document.getElementById("decide");
  const button = bar.querySelector("button");
  const count = () => {
    const { length } = decided();
    bar.querySelector("output").textContent = `${length} decision${length === 1 ? "" : "s"}`;
    button.disabled = length === 0;
  };
  document.addEventListener("change", count);
  document.addEventListener("click", (event) => {
    const all = event.target.closest("[data-all]");
    if (!all) return;
    for (const input of all.closest("[data-group]").querySelectorAll("[data-picture] input")) {
      input.checked = input.value === all.dataset.all;
    }
    count();
  });
  button.addEventListener("click", () => {
    const text = JSON.stringify({ decisions: decided() }, null, 1) + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = bar.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  bar.hidden = false;
  count();
})();
