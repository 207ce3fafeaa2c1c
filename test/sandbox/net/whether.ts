import { beforeEach } from "vitest";

/** Why no network of our own can be made here; undefined when one can. */
export function whyNoNamespace(): string | undefined {
  return process.getuid?.() === 0 ? undefined : "network namespaces need root";
}

/** Skips each test of the file, with the reason, where no network of our own can be made. */
export function needsNamespaces(): void {
  beforeEach(({ skip }) => {
    const why = whyNoNamespace();
    if (why !== undefined) skip(why);
  });
}
