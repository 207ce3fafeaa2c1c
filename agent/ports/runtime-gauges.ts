/** How this process fares. */
export interface RuntimeGauges {
  residentBytes(): number;
  /** Processor time of the calling thread since the start, or of all where only that is known. */
  processorMs(): number;
  /** How late timers came, the 99th percentile since the last call; 0 where nothing was sampled. */
  eventLoopDelayP99Ms(): number;
  /** Whether that is sampled, at first not: each sample wakes an idle process. */
  sampleDelay(on: boolean): void;
}
