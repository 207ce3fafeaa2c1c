/** A secret as it may stand in a text, by other code than what searches for it. */
export function writtenIn(secret: string | Uint8Array): readonly string[] {
  const bytes = Buffer.from(secret);
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  const encoded = [
    ...[
      bytes.toString("base64"),
      bytes.toString("base64url"),
      Buffer.concat([Buffer.from("bob:"), bytes]).toString("base64"),
    ],
    ...[bytes.toString("hex"), bytes.toString("hex").toUpperCase(), percent, percent.toUpperCase()],
  ];
  return typeof secret === "string" ? [...encoded, ...asText(secret)] : encoded;
}

function asText(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const again = JSON.stringify(json).slice(1, -1);
  const html = secret
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
  return [
    secret,
    json,
    again,
    encodeURIComponent(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
    html,
  ];
}
