/** How buildkitd's process ended, as the unit saw it. */
export interface ExitFacts {
  readonly code?: number;
  readonly signal?: string;
  readonly lastLines: readonly string[];
  /** By how much the kernel's count of out-of-memory kills rose while it ran; absent: not known. */
  readonly oomKills?: number;
}

export const EXIT_KINDS = [
  "clean",
  "config-refused",
  "root-in-use",
  "no-worker",
  "disk-full",
  "out-of-memory",
  "crashed",
  "killed",
  "failed",
] as const;

export type ExitKind = (typeof EXIT_KINDS)[number];

/**
 * What its last words mean. Phrases of buildkitd v0.33.1 (cmd/buildkitd/main.go) and of Go's
 * runtime; the first that is found names the kind, so that "no space left" in a panic is a full
 * disk.
 */
const LAST_WORDS: readonly (readonly [RegExp, ExitKind])[] = [
  [/failed to parse config|unsupported log (type|level)|failed to load config|invalid entitlement/, "config-refused"],
  [/could not lock .*another instance running/, "root-in-use"],
  [/no worker found|failed to read cni (config|binary dir)|CNI setup error|failed to find .*runc/, "no-worker"],
  [/no space left on device|disk quota exceeded/, "disk-full"],
  [/out of memory|cannot allocate memory/, "out-of-memory"],
  [/^(panic|fatal error|unexpected fault address): ?|^SIG[A-Z]+: /, "crashed"],
];

/**
 * A Go program that panics exits with 2; what the kernel does to a broken one shows as these
 * signals.
 */
const CRASH_SIGNALS: readonly string[] = ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP"];

/**
 * `kind` is stable (a metric's label); `text` is for a person. An end that was asked for is not an
 * exit: the unit is then "stopped".
 */
export function describeExit(exit: ExitFacts): { readonly kind: ExitKind; readonly text: string } {
  const kind = kindOf(exit);
  const how = exit.signal === undefined ? `exit code ${exit.code ?? "unknown"}` : `killed by ${exit.signal}`;
  const words = kind === "clean" || kind === "killed" ? "" : `: ${lastWords(exit) || kind}`;
  const oom = kind === "out-of-memory" && exit.signal === "SIGKILL" ? " (the kernel ran out of memory)" : "";
  return { kind, text: `${how}${oom}${words}` };
}

function kindOf({ code, signal, lastLines, oomKills = 0 }: ExitFacts): ExitKind {
  if (code === 0) return "clean";
  if (signal === "SIGKILL") return oomKills > 0 ? "out-of-memory" : "killed";
  for (const [phrase, kind] of LAST_WORDS) if (lastLines.some((line) => phrase.test(line))) return kind;
  if (code === 2 || (signal !== undefined && CRASH_SIGNALS.includes(signal))) return "crashed";
  return signal === undefined ? "failed" : "killed";
}

/** The line that says why: buildkitd's own last error, or else what it wrote last. */
function lastWords({ lastLines }: ExitFacts): string {
  const telling = lastLines.findLast(
    (line) => line.startsWith("buildkitd: ") || LAST_WORDS.some(([phrase]) => phrase.test(line)),
  );
  return spoken(telling ?? lastLines.at(-1) ?? "").slice(0, 300);
}

/**
 * What a call to BuildKit failed of, a build or a fetch that the guard refused: it is no reason of
 * BuildKit's own to end, and there are many after each start, which asks for all that is forbidden.
 */
export function isFailedCall(line: string): boolean {
  return /\/moby\.buildkit\.v1\.\S+ returned error: /.test(line);
}

/** A line of its log as a person reads it: of a line of JSON the message, and the error with it. */
export function spoken(line: string): string {
  if (!line.startsWith("{")) return line;
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null || !("msg" in entry) || typeof entry.msg !== "string") return line;
    return "error" in entry && typeof entry.error === "string" ? `${entry.msg}: ${entry.error}` : entry.msg;
  } catch {
    return line;
  }
}
