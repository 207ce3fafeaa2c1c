/** What `systemctl show` tells of one unit: "NAME=VALUE", a line each. */
export function propertiesOf(stdout: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    stdout
      .split("\n")
      .filter((line) => line.includes("="))
      .map(pair),
  );
}

/**
 * The same of several units, a paragraph each. What a unit says several times (ExecStartPre=) is
 * joined.
 */
export function propertiesOfEach(stdout: string): readonly Readonly<Record<string, string>>[] {
  return stdout.split("\n\n").map((block) => {
    const told = new Map<string, string>();
    for (const [name, value] of block
      .split("\n")
      .filter((line) => line.includes("="))
      .map(pair))
      told.set(name, told.has(name) ? `${told.get(name)} ${value}` : value);
    return Object.fromEntries(told);
  });
}

function pair(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}
