/** What we ask journald for, as `journalctl --output-fields` takes it. */
export const JOURNALD_FIELDS = "MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER,_PID";

/** An entry of the journal, as far as it tells. */
export interface JournaldEntry {
  readonly message: string;
  /** Of systemd's own lines, the unit that they are about. "": none is known. */
  readonly unit: string;
  readonly pid: string;
  /** syslog(3): 0 is an emergency, 7 is for debugging. */
  readonly priority?: number;
  /** Wall clock. */
  readonly atMs?: number;
}

/** A line of `journalctl --output=json`; undefined: it is no entry, or not whole. */
export function journaldEntry(line: string): JournaldEntry | undefined {
  const fields = parsed(line);
  if (fields === undefined) return undefined;
  const { MESSAGE, PRIORITY, UNIT, _SYSTEMD_UNIT, SYSLOG_IDENTIFIER, _PID, __REALTIME_TIMESTAMP } = fields;
  const [priority, atUs] = [numberOf(PRIORITY), numberOf(__REALTIME_TIMESTAMP)];
  return {
    message: textOf(MESSAGE),
    unit: textOf(UNIT ?? _SYSTEMD_UNIT ?? SYSLOG_IDENTIFIER),
    pid: textOf(_PID),
    ...(Number.isInteger(priority) && { priority }),
    ...(Number.isFinite(atUs) && { atMs: Math.round(atUs / 1_000) }),
  };
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const fields: unknown = JSON.parse(line);
    return typeof fields === "object" && fields !== null ? { ...fields } : undefined;
  } catch {
    return undefined;
  }
}

function numberOf(field: unknown): number {
  return typeof field === "string" && field !== "" ? Number(field) : Number.NaN;
}

/** What is no UTF-8 comes as a list of bytes, and what was given twice as a list of texts. */
function textOf(field: unknown): string {
  return wordOf(field) ?? (Array.isArray(field) ? field.map((one) => wordOf(one) ?? "").join(" ") : "");
}

function wordOf(field: unknown): string | undefined {
  if (typeof field === "string") return field;
  const isBytes = Array.isArray(field) && field.every((byte) => typeof byte === "number");
  return isBytes ? new TextDecoder().decode(Uint8Array.from(field)) : undefined;
}
