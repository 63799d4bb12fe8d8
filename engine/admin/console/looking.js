// Looks again every few seconds while the page is there and somebody can see it.

export async function every(ms, look, signal) {
  await look();
  (async () => {
    while (!signal.aborted) {
      await pause(ms, signal);
      if (signal.aborted) return;
      if (document.hidden) continue;
      try {
        await look();
        tell("");
      } catch (error) {
        if (signal.aborted) return;
        tell(`${error.message} What is shown is the last that was known.`);
      }
    }
  })();
}

export function tell(message) {
  dispatchEvent(new CustomEvent("doorstep-answer", { detail: message }));
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
