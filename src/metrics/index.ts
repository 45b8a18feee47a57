// What traffic there was: asked of one of two sources behind one interface, the built-in scraper being one.
export { type Histogram, quantile } from "./histogram.js";
export { fetchPage } from "./page.js";
export { PrometheusFirst } from "./prometheus-first.js";
export { readSamples, type Sample } from "./prometheus-text.js";
export { Scraper, type ScrapeTarget } from "./scraper.js";
export {
  addTraffic,
  type Decision,
  PROTOCOLS,
  type Traffic,
  type TrafficAnswer,
  type TrafficKeeper,
  type TrafficLabel,
  type TrafficLabels,
  type TrafficQuery,
  type TrafficSource,
  type Unanswerable,
} from "./traffic.js";
