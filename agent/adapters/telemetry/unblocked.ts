import { constants, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { isatty } from "node:tty";

/** A descriptor to write to without waiting for whoever is behind it. */
export interface Unblocked {
  readonly fd: number;
  /**
   * "at-once": a write fails with EAGAIN where it would have to wait. "by-thread": the kernel knows
   * no such answer for a file, whose disk may take its time: one of libuv's threads has to wait in
   * our place.
   */
  readonly writes: "at-once" | "by-thread";
  /** Keeps alive what makes the descriptor so. */
  readonly holder?: Socket;
}

/**
 * The same place as `fd`, unblocked. A pipe or a terminal is opened once more: O_NONBLOCK belongs
 * to the open file, and other processes write to ours. A socket cannot be opened again (and a
 * stranger's pipe must not be): there the flag is set on what we share, and Node takes it away from
 * its own standard streams when it exits. A file is written where it is: opened again, it would
 * have a position of its own.
 */
export function unblocked(fd: number): Unblocked {
  const kind = kindOf(fd);
  if (kind === "other") return { fd, writes: "by-thread" };
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, REOPENED), writes: "at-once" };
  } catch {
    if (kind === "terminal") return { fd, writes: "by-thread" };
    const holder = new Socket({ fd, readable: false, writable: true });
    holder.unref();
    return { fd, writes: "at-once", holder };
  }
}

const REOPENED = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

function kindOf(fd: number): "pipe" | "terminal" | "other" {
  try {
    const stat = fstatSync(fd);
    if (stat.isFIFO() || stat.isSocket()) return "pipe";
    return isatty(fd) ? "terminal" : "other";
  } catch {
    return "other";
  }
}
