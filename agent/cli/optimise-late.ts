import { setFlagsFromString } from "node:v8";

/**
 * After how many calls V8 makes more of a function, instead of after 400 and 3,000. What its
 * optimising compilers need and make is worth nothing to quiet sessions, and a gateway that carries
 * bytes has both within seconds.
 */
const CALLS = { maglev: 2_000, turbofan: 12_000 };

/** Node 24's. Node 20's has one such compiler, and no flag for it. */
const SINCE_V8 = 13;

/**
 * To be called once all is loaded, and not as flags of Node: what Node compiled when the package
 * was installed is good for the flags that it was compiled with.
 */
export function optimiseLate(): void {
  if (Number.parseInt(process.versions.v8, 10) < SINCE_V8) return;
  for (const [tier, calls] of Object.entries(CALLS)) setFlagsFromString(`--invocation-count-for-${tier}=${calls}`);
}
