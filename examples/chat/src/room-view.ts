/** What the page knows of one room of the tab. */

import { RowWindow } from "./row-window.ts";
import { Timeline, type TimelineRow } from "./timeline.ts";

export interface RoomView {
  readonly name: string;
  readonly timeline: Timeline;
  /** The part of the timeline that is in the page. */
  readonly window: RowWindow<TimelineRow>;
  /** Ids of the long messages that are shown in full. */
  readonly unfolded: Set<string>;
  state: "joining" | "open" | "refused";
  /** Why it is refused. */
  problem: string;
  unread: number;
  typing: readonly string[];
  isLoading: boolean;
  /** Whether the connection was lost since the room was last opened. */
  wasLost: boolean;
  /** By the last `joined`: the principal's own read watermark, and the last offset of the log. */
  read: number;
  head: number;
}

/** The view of a room that is opened; what was known of its messages is kept. */
export function roomView(name: string, state: RoomView["state"], known: RoomView | undefined): RoomView {
  const timeline = known?.timeline ?? new Timeline();
  const window = known?.window ?? new RowWindow(timeline.rows);
  const unfolded = known?.unfolded ?? new Set();
  return {
    ...{ name, timeline, window, unfolded, state, problem: "", unread: 0, typing: [] },
    ...{ isLoading: false, wasLost: false, read: 0, head: 0 },
  };
}
