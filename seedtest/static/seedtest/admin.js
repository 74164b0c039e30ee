"use strict";
// Copy buttons, the provider recognised from an address, and open details kept while a test's page updates itself.
(() => {
  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    const text = "value" in source ? source.value : source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without HTTPS there is no clipboard to write to: select it, so that Ctrl+C does the rest.
      "select" in source ? source.select() : getSelection().selectAllChildren(source);
      if (!document.execCommand("copy")) return;
    }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !confirm(form.dataset.confirm)) return event.preventDefault();
    const button = form.querySelector("button");
    if (form.dataset.busy && button) { button.textContent = form.dataset.busy; button.disabled = true; }
  });

  const field = (form, name) => form.querySelector(`[data-recognise="${name}"]`);
  const recognise = async (form) => {
    const address = field(form, "address").value.trim();
    if (!address.includes("@")) return;
    const answer = await fetch(`${form.dataset.recogniseUrl}?address=${encodeURIComponent(address)}`);
    if (!answer.ok) return;
    const found = await answer.json();
    for (const name of ["provider", "host", "port", "tls", "login"]) {
      const input = field(form, name);
      if (found[name] !== undefined && (!input.value || input.dataset.filled)) { input.value = found[name]; input.dataset.filled = "1"; }
    }
    const note = form.querySelector("[data-recognised]");
    const provider = field(form, "provider");
    const known = found.host && found.provider !== "generic";
    note.hidden = false;
    note.textContent = known
      ? `This is ${provider.selectedOptions[0].textContent}. ${found.setup || ""}`
      : "We do not know this mail provider. Enter its IMAP server below.";
    if (!known) form.querySelector("[data-server]").open = true;
  };
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-recognise-url]");
    if (form && event.target.dataset.recognise === "address") recognise(form);
    else if (event.target.dataset.recognise) delete event.target.dataset.filled;
  });

  const open = new Set();
  document.addEventListener("htmx:beforeSwap", () => {
    open.clear();
    document.querySelectorAll("details[data-keep][open]").forEach((one) => open.add(one.dataset.keep));
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "test-part" && !document.getElementById("test-part")) return;
    document.querySelectorAll("details[data-keep]").forEach((one) => { if (open.has(one.dataset.keep)) one.open = true; });
  });
})();
