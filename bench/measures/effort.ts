/** How much each measurement does. */
export interface Effort {
  readonly rounds: number;
  readonly memoryRounds: number;
  readonly bulkBytes: number;
  readonly trips: number;
  readonly handshakes: number;
  readonly sessionsSeconds: number;
  readonly contextBytes: number;
  /** No round is begun that would end later. */
  readonly budgetMs: number;
  /** Then it is over, whatever is under way. */
  readonly limitMs: number;
}

export const FULL: Effort = {
  rounds: 7,
  memoryRounds: 3,
  bulkBytes: 800_000_000,
  trips: 5_000,
  handshakes: 500,
  sessionsSeconds: 2,
  contextBytes: 400_000_000,
  budgetMs: 540_000,
  limitMs: 595_000,
};

/** To see that all works and how things stand roughly; not for the record. */
export const QUICK: Effort = {
  rounds: 2,
  memoryRounds: 1,
  bulkBytes: 200_000_000,
  trips: 1_000,
  handshakes: 100,
  sessionsSeconds: 1,
  contextBytes: 100_000_000,
  budgetMs: 75_000,
  limitMs: 88_000,
};

/** As many as the bar for resident memory names. */
export const SESSIONS = 200;
