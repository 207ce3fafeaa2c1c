const SHOWN_CHARACTERS = 80;

/** A wrong value as an error may show it: short, on one line, and without what could be a secret. */
export function describeFound(value: unknown, sensitive: boolean): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return sensitive ? `a text of ${value.length} characters` : quote(value);
    case "number":
    case "bigint":
    case "boolean":
      return sensitive ? `a ${typeof value}` : String(value);
    default:
      if (Array.isArray(value)) return "a list";
      return value instanceof Date ? "a date" : "a table";
  }
}

function quote(text: string): string {
  const withoutUserInfo = text.replace(/\/\/[^/@]*@/, "//…@");
  const characters = [...withoutUserInfo];
  if (characters.length <= SHOWN_CHARACTERS) return JSON.stringify(withoutUserInfo);
  return `${JSON.stringify(characters.slice(0, SHOWN_CHARACTERS).join(""))}… (${characters.length} characters)`;
}
