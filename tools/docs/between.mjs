/**
 * `text` with what stands between the two markers of `name` replaced; undefined if they are not
 * there.
 * @param {string} text @param {string} name @param {string} content
 */
export function between(text, name, content) {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) return undefined;
  return `${text.slice(0, from + begin.length)}\n\n${content}\n${text.slice(to)}`;
}
