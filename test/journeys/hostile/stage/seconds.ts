/** How long each kind lasts, alone; 0, every day: all of them in turn, for some seconds. */
export const SECONDS = Number(process.env["BUILDER_AGENT_HOSTILE_SECONDS"] || 0);
