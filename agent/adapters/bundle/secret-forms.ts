/** Shorter ones would be found in every other word. */
export const SECRET_MIN_BYTES = 6;

/** A long secret is searched for in blocks, so that a part of it is found too. */
const BLOCK_BYTES = 48;

/** No form is longer: nine bytes for a control character in JSON in JSON in JSON, of two blocks. */
export const FORM_MAX_BYTES = 2 * 9 * BLOCK_BYTES;

/**
 * The forms in which a secret may stand in a text: as it is; as a string of JSON, and that in JSON
 * again, as logs carry it; in HTML; in a URL; in hex; and in base64, also as the middle of
 * something longer ("user:secret").
 */
export function formsOf(secret: string | Uint8Array): readonly Buffer[] {
  const forms = new Map<string, Buffer>();
  for (const block of blocksOf(secret))
    for (const form of formsOfBlock(block))
      if (form.length >= SECRET_MIN_BYTES) forms.set(form.toString("latin1"), form);
  return [...forms.values()];
}

/** Line by line, for a key may be indented; then in pieces; the last ends with the secret. */
function blocksOf(secret: string | Uint8Array): readonly Buffer[] {
  if (typeof secret !== "string") return cut(Buffer.from(secret));
  const lines = secret.split(/[\r\n]+/).map((line) => line.trim());
  // The frame of a PEM file is no secret.
  return lines.filter((line) => !line.startsWith("-----")).flatMap((line) => cut(Buffer.from(line, "utf8")));
}

function cut(bytes: Buffer): readonly Buffer[] {
  if (bytes.length < SECRET_MIN_BYTES) return [];
  if (bytes.length <= 2 * BLOCK_BYTES) return [bytes];
  const blocks: Buffer[] = [];
  for (let at = 0; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES)
    blocks.push(bytes.subarray(at, at + BLOCK_BYTES));
  return [...blocks, bytes.subarray(-BLOCK_BYTES)];
}

function formsOfBlock(bytes: Buffer): readonly Buffer[] {
  const text = bytes.toString("utf8");
  const isText = Buffer.from(text, "utf8").equals(bytes);
  const [hex, percent] = [bytes.toString("hex"), percentOfAll(bytes)];
  const encoded = [...base64sOf(bytes), hex, hex.toUpperCase(), percent, lowerCased(percent)];
  return [bytes, ...[...encoded, ...(isText ? textForms(text) : [])].map((form) => Buffer.from(form, "utf8"))];
}

function textForms(text: string): readonly string[] {
  const json = inJson(text);
  const goJson = json.replaceAll(/[<>&]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
  const percent = [...text]
    .map((letter) => (/[A-Za-z0-9_.~-]/.test(letter) ? letter : percentOfAll(Buffer.from(letter))))
    .join("");
  const html = text.replaceAll(/[&<>"']/g, (letter) => HTML.get(letter) ?? letter);
  return [
    ...[json, inJson(json), inJson(inJson(json)), goJson, inJson(goJson)],
    ...[percent, lowerCased(percent), percent.replaceAll("%20", "+")],
    ...[encodeURI(text), encodeURIComponent(text), html],
  ];
}

const HTML: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function percentOfAll(bytes: Buffer): string {
  return [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** The hex digits only. */
function lowerCased(percent: string): string {
  return percent.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}

/**
 * Base64 of something that has these bytes at a place of its own: three texts, one for each
 * remainder of that place by 3, without the characters at both ends that neighbours have a part in.
 */
function base64sOf(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor((whole.length * 8) / 6);
    const standard = whole.toString("base64").slice(from, to);
    return [standard, standard.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
