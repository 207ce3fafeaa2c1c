import { expect, it } from "vitest";
import { MESSAGES_A_SECOND, MessagePace } from "../../agent/core/message-pace.ts";

/** How many are read of what comes without end, each of which takes so long to read. */
function readIn(ms: number, readMs: number): number {
  const pace = new MessagePace();
  let messages = 0;
  for (let nowMs = 0; nowMs < ms; nowMs += readMs + pace.pauseMs(readMs, nowMs)) messages += 1;
  return messages;
}

it("reads a thousand at once, and two hundred a second after that", () => {
  expect(readIn(1_000, 0.0001)).toBeGreaterThan(1_000);
  expect(readIn(100_000, 0.0001)).toBeLessThan(1_001 + 100 * MESSAGES_A_SECOND);
  expect(readIn(100_000, 0.0001)).toBeGreaterThan(990 + 100 * MESSAGES_A_SECOND);
});

it("spends no more than a tenth of the time on messages that are dear to read", () => {
  const seconds = 600;
  expect((readIn(seconds * 1_000, 50) * 50) / 1_000).toBeLessThan(0.11 * seconds);
});

it("pauses for a second at most, whatever a message cost", () => {
  const pace = new MessagePace();
  expect(pace.pauseMs(60_000, 0)).toBe(1_000);
  expect(pace.pauseMs(0.01, 2_000)).toBeLessThan(100);
});

it("never makes an honest control plane wait: four hundred builds that open at once, and fifty messages each second", () => {
  const pace = new MessagePace();
  for (let message = 0; message < 400; message += 1) expect(pace.pauseMs(0.5, 0)).toBe(0);
  for (let nowMs = 0; nowMs < 600_000; nowMs += 20) expect(pace.pauseMs(0.5, nowMs)).toBe(0);
});
