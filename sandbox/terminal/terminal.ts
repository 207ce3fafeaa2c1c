/** The only place that writes to the terminal. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly isTty: boolean;
  readonly paint: Paint;
}

export type Paint = (style: keyof typeof STYLES, text: string) => string;

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/**
 * Colours only on a terminal that knows them, and not when NO_COLOR is set to anything
 * (https://no-color.org).
 */
export function openTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const isTty = process.stdout.isTTY;
  const coloured = isTty && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    isTty,
    paint: (style, text) => (coloured ? `\u001B[${STYLES[style]}m${text}\u001B[0m` : text),
  };
}
