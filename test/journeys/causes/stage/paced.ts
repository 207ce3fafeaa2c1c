const slowness = Number(process.env["BUILDER_AGENT_SLOWNESS"] || 1);

/** A limit of a quiet machine, for this one: the tiers measure how much slower it is. */
export const paced = (quietMs: number): number => Math.round(quietMs * slowness);
