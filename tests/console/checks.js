// What every page must be, checked in the page itself: a list of what is wrong.
(() => {
  const wrong = [];
  const shown = (node) => node.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  const nameOf = (node) => `${node.tagName.toLowerCase()}${node.className && typeof node.className === 'string' ? `.${node.className}` : ''} "${(node.textContent || '').trim().slice(0, 40)}"`;

  // Names and landmarks (WCAG 2.1: 1.3.1, 2.4.1, 2.4.2, 3.1.1, 4.1.2).
  if (!document.documentElement.lang) wrong.push('the page has no language');
  if (document.querySelectorAll('main').length !== 1) wrong.push('there is not one main');
  if (document.querySelectorAll('h1').length !== 1) wrong.push('there is not one h1');
  if (!document.title) wrong.push('the page has no title');
  for (const node of document.querySelectorAll('input, select, textarea'))
    if (shown(node) && !node.labels?.length && !node.getAttribute('aria-label')) wrong.push(`no label: ${nameOf(node)} ${node.name}`);
  for (const node of document.querySelectorAll('button, a[href], summary'))
    if (shown(node) && !(node.getAttribute('aria-label') || node.textContent.trim())) wrong.push(`no name: ${nameOf(node)}`);
  for (const node of document.querySelectorAll('img')) if (!node.hasAttribute('alt')) wrong.push(`no alt: ${node.src}`);
  for (const node of document.querySelectorAll('svg')) if (!node.getAttribute('aria-label') && node.getAttribute('aria-hidden') !== 'true') wrong.push('a picture without words');
  for (const node of document.querySelectorAll('th')) if (!node.scope) wrong.push(`th without scope: ${nameOf(node)}`);
  const ids = [...document.querySelectorAll('[id]')].map((n) => n.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id twice: ${id}`);
  if (document.querySelector('[style], style, script:not([src])')) wrong.push('inline style or script');

  // Contrast (1.4.3): 4.5, or 3 of large text.
  const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const colour = (text) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = text;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, under) => {
    const a = top[3] / 255;
    return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a)).concat(255);
  };
  const light = ([r, g, b]) => {
    const f = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const ground = (node) => {
    if (!node) return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 255] : [255, 255, 255, 255];
    const own = colour(getComputedStyle(node).backgroundColor);
    return own[3] === 255 ? own : over(own, ground(node.parentElement));
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  let texts = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.nodeValue.trim() || seen.has(node) || !shown(node) || node.closest('noscript, svg, option, .skip, :disabled')) continue;
    seen.add(node);
    texts++;
    const style = getComputedStyle(node);
    const back = ground(node);
    const a = light(over(colour(style.color), back)), b = light(back);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${nameOf(node)}`);
  }
  if (texts < 5) wrong.push('hardly any text');

  // Nothing sticks out at the side (1.4.10).
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const out = [...document.querySelectorAll('main *')].find((n) => shown(n) && n.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !n.closest('pre'));
    wrong.push(`scrolls sideways by ${wide}: ${out ? nameOf(out) : '?'}`);
  }
  return wrong;
})()
