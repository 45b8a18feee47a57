// What traffic there was: asked of one of two sources behind one interface, the built-in scraper being one.
export { type Histogram, quantile } from "./histogram.js";
export { fetchPage } from "./page.js";
export { readSamples, type Sample } from "./prometheus-text.js";
export { Scraper, type ScrapeTarget } from "./scraper.js";
export type {
  Traffic,
  TrafficAnswer,
  TrafficLabel,
  TrafficLabels,
  TrafficQuery,
  TrafficSource,
} from "./traffic.js";
