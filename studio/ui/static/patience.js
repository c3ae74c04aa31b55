// Gradio gives up on the whole page as soon as one of its requests finds no server: it shows an error, ignores clicks,
// and builds the form anew once the server is back. So its requests wait here until there is an answer. All of them may
// be repeated: they only ask what to show. Our own requests have their own patience, in api.js.

const CALLS = new URL("gradio_api/run/", document.baseURI).href;
const PAUSE_MS = 800;
const fetchNow = window.fetch.bind(window);

window.fetch = async (input, options) => {
  const address = new URL(typeof input === "string" ? input : (input.url ?? input), document.baseURI).href;
  if (!address.startsWith(CALLS)) return fetchNow(input, options);
  for (;;) {
    try {
      return await fetchNow(input, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
};
