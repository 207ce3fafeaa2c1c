/** How this process fares. */
export interface RuntimeGauges {
  residentBytes(): number;
  /** 99th percentile since the last call: how late timers came. */
  eventLoopDelayP99Ms(): number;
}
