import { AgentError } from "../../../core/errors.ts";
import type { Metadata } from "../../../ports/metadata.ts";
import { ask } from "./ask.ts";
import { Budget } from "./budget.ts";

/** The client that evidence is gathered with, for whoever else asks a platform. */
export const askedMetadata: Metadata = {
  async ask(question, limitMs, signal) {
    using budget = new Budget({ budgetMs: limitMs }, signal);
    try {
      const { status, headers, text } = await ask(question, budget);
      return {
        status,
        text,
        header(name) {
          const value = headers[name];
          return Array.isArray(value) ? value[0] : value;
        },
      };
    } catch (failure) {
      if (!(failure instanceof AgentError)) throw failure;
      const { message, cause } = failure;
      throw new AgentError("metadata.no-answer", message, { retryable: true, cause });
    }
  },
};
