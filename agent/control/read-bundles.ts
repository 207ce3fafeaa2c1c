import type { CaDates } from "../core/ca-bundles.ts";
import { sameData } from "../core/equality.ts";
import { onChange } from "../lifecycle/cell.ts";
import type { Board } from "./board/board.ts";

export interface BundlePorts {
  readonly cas: {
    /** Those that the control plane's certificate has to come from. */
    readonly pinned: readonly CaDates[];
    /** Never throws. */
    read(pem: string): readonly CaDates[];
  };
}

/** Keeps until when the CAs are good that this machine believes. Ends with `signal`. */
export async function readBundles(
  { cas }: BundlePorts,
  { desired, bundles }: Pick<Board, "desired" | "bundles">,
  signal: AbortSignal,
): Promise<void> {
  let read: readonly string[] | undefined;
  await onChange(
    [desired],
    () => {
      const pems = desired.get()?.trust.buildCas;
      if (pems !== undefined && sameData(pems, read)) return;
      read = pems;
      const builds = pems?.flatMap((pem) => cas.read(pem));
      bundles.set({ controlPlane: cas.pinned, ...(builds !== undefined && { builds }) });
    },
    signal,
  );
}
