/**
 * Which of BuildKit's series are shown (v0.33.1), under which name. Its process's own get a name
 * that is not our process's. The rest says what the gateway says already (calls), or is Go's.
 */
interface Taken {
  readonly name: string;
  readonly type: "counter" | "gauge" | "summary";
  readonly help: string;
  /** What is kept of its labels; OpenTelemetry's scope is the same for all. */
  readonly labels?: readonly string[];
  /** At zero until BuildKit has it: `rate()` does not see a series that begins with its first. */
  readonly known?: readonly string[];
}

const DURATION = "buildkit_build_duration_seconds";
const STATUSES = ['status="success"', 'status="failure"'];

const TAKEN: readonly Taken[] = [
  {
    name: "buildkit_builds_total",
    type: "counter",
    help: "Solves that have ended since BuildKit started, as it counts them; the agent's own steps are not among them.",
    labels: ["error_code", "status"],
    known: ['status="success"', 'error_code="Unknown",status="failure"'],
  },
  {
    name: "buildkit_builds_steps_total",
    type: "counter",
    help: "Steps of those solves by kind: completed, cached, total, and warnings.",
    labels: ["kind"],
    known: ["completed", "cached", "total", "warnings"].map((kind) => `kind="${kind}"`),
  },
  {
    name: DURATION,
    type: "summary",
    help: "How long those solves took. BuildKit has it as a native histogram, of which this form has sum and count alone.",
    labels: ["status"],
    known: STATUSES,
  },
  { name: "process_cpu_seconds_total", type: "counter", help: "Processor time of buildkitd itself." },
  { name: "process_open_fds", type: "gauge", help: "Descriptors that buildkitd has open." },
  { name: "process_max_fds", type: "gauge", help: "Descriptors that buildkitd may have open." },
  { name: "process_resident_memory_bytes", type: "gauge", help: "Memory of buildkitd itself, without its steps." },
  { name: "process_start_time_seconds", type: "gauge", help: "When buildkitd started, Unix time." },
  { name: "go_goroutines", type: "gauge", help: "Goroutines of buildkitd: a number that only grows is a leak." },
  { name: "go_memstats_heap_inuse_bytes", type: "gauge", help: "Of buildkitd's heap, what is in use." },
];

/** A page with more of one family has labels that nobody expected: the rest is left out. */
const MOST_SERIES = 64;
const LINE = /^(\w+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const NUMBER = /^[+-]?(?:\d[\d.]*(?:e[+-]?\d+)?|Inf|NaN)$/i;

/** What is taken of BuildKit's page, in Prometheus' text form. */
export function takenMetrics(page: string): string {
  const found = seriesOf(page);
  return TAKEN.flatMap((taken) => {
    const parts = taken.type === "summary" ? ["_sum", "_count"] : [""];
    const lines = parts.flatMap((part) => linesOf(taken, part, found.get(taken.name + part) ?? []));
    if (lines.length === 0) return [];
    const name = shownName(taken.name);
    return [`# HELP ${name} ${taken.help}`, `# TYPE ${name} ${taken.type}`, ...lines];
  })
    .map((line) => `${line}\n`)
    .join("");
}

interface Series {
  readonly labels: string;
  readonly value: string;
}

function linesOf({ name, labels = [], known = [] }: Taken, part: string, series: readonly Series[]): readonly string[] {
  const values = new Map(known.map((one) => [one, "0"]));
  for (const one of series) values.set(keptLabels(one.labels, labels), one.value);
  return [...values].map(([kept, value]) => `${shownName(name)}${part}${kept === "" ? "" : `{${kept}}`} ${value}`);
}

function seriesOf(page: string): ReadonlyMap<string, readonly Series[]> {
  const found = new Map<string, Series[]>();
  for (const line of page.split("\n")) {
    const [, name, labels = "", value = ""] = LINE.exec(line) ?? [];
    if (name === undefined || !NUMBER.test(value)) continue;
    const known = found.get(name);
    if (known === undefined) found.set(name, [{ labels, value }]);
    else if (known.length < MOST_SERIES) known.push({ labels, value });
  }
  return found;
}

function keptLabels(labels: string, kept: readonly string[]): string {
  return [...labels.matchAll(LABEL)]
    .filter(([, name = ""]) => kept.includes(name))
    .map(([label]) => label)
    .toSorted()
    .join(",");
}

function shownName(name: string): string {
  return name.startsWith("buildkit_") ? name : `buildkit_${name}`;
}
