import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After the gateway has loaded all that it needs, and before anything is measured. */
const AFTER_MS = 500;

/**
 * Loaded into our gateway before its own program, so that what is measured is a gateway that has
 * been up for hours, not for seconds: the first major collection is when V8 fits the limit of its
 * old generation to what is there. In a young process that happens at some moment or not at all,
 * and the same bytes then cost twice as much in one run as in another.
 */
setTimeout(() => {
  setFlagsFromString("--expose-gc");
  for (let times = 0; times < 2; times += 1) runInNewContext("gc()");
}, AFTER_MS).unref();
