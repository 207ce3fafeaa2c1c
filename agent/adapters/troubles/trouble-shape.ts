import { z } from "zod";

/** A trouble as our file and `/status` have it; each says how it takes what it does not know. */
export const troubleShape = {
  is: z.enum(["check-failed", "process-ended", "builds-broken"]),
  what: z.string(),
  message: z.string(),
  sinceMs: z.number(),
  untilMs: z.number().exactOptional(),
  times: z.number(),
  builds: z.array(z.string()).readonly(),
  moreBuilds: z.number(),
};
