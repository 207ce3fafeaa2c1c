import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Opened } from "../process/opened.ts";
import type { Ground, StartSubject, Subject, SubjectName } from "./subject.ts";

/** How to start each proxy that takes part. */
export type Proxies = ReadonlyMap<SubjectName, StartSubject>;

/** Subjects with one far end, side by side. */
export interface Lineup extends AsyncDisposable {
  readonly subjects: readonly Subject[];
}

/**
 * Starts every proxy in front of `ground.socket`, each in a directory of its own, beside the
 * subjects that need no proxy.
 */
export async function startLineup(proxies: Proxies, ground: Ground, others: readonly Subject[]): Promise<Lineup> {
  const opened = new Opened();
  try {
    const subjects = [...others];
    for (const [name, start] of proxies) {
      const dir = join(ground.dir, name);
      await mkdir(dir, { recursive: true });
      subjects.push(opened.own(await start({ ...ground, dir })));
    }
    return { subjects, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  } catch (failure) {
    await opened[Symbol.asyncDispose]();
    throw failure;
  }
}
