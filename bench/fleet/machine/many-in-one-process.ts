import { setMaxListeners } from "node:events";

/**
 * A process of an agent's has one ending, and one signal for it. Here hundreds of machines share
 * that signal: it is no leak that Node would have to warn of. Imported before the agent.
 */
setMaxListeners(0);
