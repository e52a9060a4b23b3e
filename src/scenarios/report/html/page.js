for (const svg of document.querySelectorAll("svg.timeline")) {
  const d = svg.dataset, num = (s) => s.split(",").map(Number);
  const from = +d.from, to = +d.to, bin = +d.bin, left = +d.left, right = +d.right;
  const acks = num(d.acks), missed = num(d.missed), first = Math.floor(from / bin);
  const latency = d.latency ? d.latency.split(";").map(num) : [];
  const cursor = svg.querySelector(".cursor"), out = svg.closest("figure").querySelector(".readout");
  const ms = (us) => (us / 1000).toFixed(us < 10000 ? 2 : 1) + " ms";
  svg.addEventListener("pointermove", (e) => {
    const x = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    const at = from + ((x - left) / (right - left)) * (to - from);
    if (at < from || at > to) return;
    const b = Math.floor(at / bin) - first;
    let near = null;
    for (const l of latency) if (!near || Math.abs(l[0] - at) < Math.abs(near[0] - at)) near = l;
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x);
    svg.classList.add("pointed");
    out.textContent = (at / 1e6).toFixed(3) + " s · " + (acks[b] || 0) + " acks in 10 ms" +
      (missed[b] ? " · " + missed[b] + " not acked" : "") +
      (near && Math.abs(near[0] - at) < 5e5 ? " · latency p50 " + ms(near[1]) + ", p99 " + ms(near[2]) + ", max " + ms(near[3]) : "");
  });
  svg.addEventListener("pointerleave", () => { svg.classList.remove("pointed"); out.textContent = "\u00a0"; });
}
