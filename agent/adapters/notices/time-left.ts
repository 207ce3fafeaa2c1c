import type { MetadataAnswer } from "../../ports/metadata.ts";

/**
 * How long until a moment of the platform's, by the clock of the service that named it: this
 * machine's may be off. Undefined: that is no moment.
 */
export function timeLeft(text: string, answer: MetadataAnswer): { atMs: number; leftMs: number } | undefined {
  const atMs = Date.parse(text);
  if (!Number.isFinite(atMs)) return undefined;
  const servedMs = Date.parse(answer.header("date") ?? "");
  return { atMs, leftMs: Math.max(0, atMs - (Number.isFinite(servedMs) ? servedMs : Date.now())) };
}
