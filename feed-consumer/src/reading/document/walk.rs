//! Walking back through the older pages of a feed, and reading them forwards.

use http::StatusCode;
use tracing::{info, warn};
use url::Url;

use super::overlap::Overlap;
use super::settings::DocumentSettings;
use super::{DocumentNews, DocumentReader, as_seen};
use crate::reading::error::{Discontinuity, ReadError};
use crate::reading::opening::{OpenDocument, open_page};
use crate::store::entries::DocumentEnd;
use crate::store::pages::{Page, PageKind, PageState, SeenEntry};

impl DocumentReader {
    /// Begins to walk back from the document, whose entries are these.
    pub(super) async fn begin_walk(
        &mut self,
        kind: PageKind,
        url: String,
        entries: Vec<SeenEntry>,
        is_linked: bool,
    ) -> Result<DocumentNews, ReadError> {
        let document = self.place.url.to_string();
        self.check_link(&document, &url)?;
        if self.progress().walked_from.as_ref() == Some(&entries) {
            let reason = format!(
                "its link to an older page is another one each time, now {url}; with max_pages 0 \
                 the document is read alone"
            );
            return Err(nonsense(&document, reason));
        }
        info!("{document} leads to older pages: looking for the first one to read");
        let progress = self.progress();
        progress.pages.begin(kind, url, is_linked).await?;
        progress.walked_from = Some(entries.clone());
        progress.walked_last = Some((document, entries));
        Ok(DocumentNews::nothing(self.place.settings.updates))
    }

    /// Reads the oldest page that is not handed on: to hand it on, or to learn what is before it.
    pub(super) async fn read_page(&mut self, page: Page) -> Result<DocumentNews, ReadError> {
        let document = match self.fetch(&page).await {
            Ok(document) => document,
            Err(ReadError::Status { status: StatusCode::GONE, .. }) => {
                return self.page_is_gone(page).await;
            }
            Err(error) => return Err(error),
        };
        let entries = as_seen(&document);
        let overlap = self.progress().known.overlap(&entries).await?;
        let is_in_place = match (page.state, page.kind, &page.oldest) {
            (PageState::Found, ..) => false,
            (_, PageKind::Archive, _) | (_, _, None) => true,
            (_, PageKind::Paged, Some(oldest)) => {
                overlap.is_connected() || entries.iter().any(|entry| entry.iri == *oldest)
            }
        };
        if is_in_place {
            return Ok(self.hand_on_page(page, document, entries));
        }
        if page.state == PageState::Walked {
            info!("{} has moved on while it was read: looking for what is before it", page.url);
            self.progress().walked_last = None;
        }
        self.walk_on(page, document, entries, &overlap).await
    }

    /// Learns what is before a page. If nothing is that is not handled, it is handed on.
    async fn walk_on(
        &mut self,
        page: Page,
        document: OpenDocument,
        entries: Vec<SeenEntry>,
        overlap: &Overlap,
    ) -> Result<DocumentNews, ReadError> {
        self.check_repeat(&page, &entries).await?;
        let is_linked = page.linked || overlap.is_linked();
        let before = match older(&document, Some(page.kind), &self.place.settings)? {
            None => {
                if !is_linked && self.progress().known.any() {
                    self.vanished("all entries that were handled have left its pages")?;
                    if self.progress().skips {
                        self.progress().pages.pass_over_all().await?;
                        return Ok(DocumentNews::nothing(self.place.settings.updates));
                    }
                }
                None
            }
            Some((PageKind::Archive, url)) if self.progress().pages.is_done(&url) => None,
            Some(_) if overlap.is_connected() => None,
            Some((_, url)) => Some(url),
        };
        let Some(url) = before else {
            let count = self.progress().pages.count();
            info!("reading {count} older pages of {}, from {} on", self.place.url, page.url);
            return Ok(self.hand_on_page(page, document, entries));
        };
        if let Err(error) = self.check_link(&page.url, &url) {
            // What is wrong may be any link of the walk: the next try begins anew.
            self.forget_walk().await?;
            return Err(error);
        }
        self.check_count()?;
        let progress = self.progress();
        progress.walked_last = Some((page.url.clone(), entries.clone()));
        let oldest = entries.last().map(|entry| entry.iri.clone());
        progress.pages.walked(page, oldest, Some((url, is_linked))).await?;
        Ok(DocumentNews::nothing(self.place.settings.updates))
    }

    fn hand_on_page(
        &mut self,
        page: Page,
        document: OpenDocument,
        entries: Vec<SeenEntry>,
    ) -> DocumentNews {
        let end = DocumentEnd::Page { place: page.place, kind: page.kind };
        let progress = self.progress();
        progress.known.hand_on(entries);
        progress.pages.hand_on(page);
        DocumentNews::of(document, self.place.settings.updates, end)
    }

    /// A page is gone for good (410). If anything was lost with it, it is for the settings to say
    /// whether to go on.
    async fn page_is_gone(&mut self, page: Page) -> Result<DocumentNews, ReadError> {
        let what = format!("its page {} is gone (410)", page.url);
        if page.state == PageState::Walked || self.progress().known.any() && !page.linked {
            self.vanished(what)?;
        } else {
            warn!("{}: {what}; reading begins with the oldest page that is left", self.place.url);
        }
        let progress = self.progress();
        if progress.skips {
            progress.pages.pass_over_all().await?;
        } else {
            progress.pages.pass_over(page).await?;
        }
        Ok(DocumentNews::nothing(self.place.settings.updates))
    }

    async fn fetch(&mut self, page: &Page) -> Result<OpenDocument, ReadError> {
        let url: Url = page
            .url
            .parse()
            .map_err(|error| nonsense(&page.url, format!("it is no URL: {error}")))?;
        // Pages that move must be the present ones, and any that were wrong.
        let fresh = page.kind == PageKind::Paged || self.progress().walked_wrong;
        open_page(&self.place.client, &url, fresh).await
    }

    /// Whether a link leads to a page that may be read, and not in a circle.
    fn check_link(&mut self, from: &str, to: &str) -> Result<(), ReadError> {
        let is_allowed = to.parse().is_ok_and(|url| self.place.client.may_ask(&url));
        if !is_allowed {
            let reason = format!(
                "it leads to an older page on another origin, {to}, which is not read; with \
                 max_pages 0 the document is read alone"
            );
            return Err(nonsense(from, reason));
        }
        if to == from || to == self.place.url.as_str() || self.progress().pages.is_open(to) {
            let reason = format!(
                "its link to an older page leads in a circle, to {to}; with max_pages 0 the \
                 document is read alone"
            );
            return Err(nonsense(from, reason));
        }
        Ok(())
    }

    /// Whether a page says something else than the one after it. Should entries have moved by a
    /// whole page meanwhile, the next try finds out.
    async fn check_repeat(&mut self, page: &Page, entries: &[SeenEntry]) -> Result<(), ReadError> {
        let progress = self.progress();
        let Some((newer, _)) =
            progress.walked_last.take_if(|(_, last)| !entries.is_empty() && last == entries)
        else {
            return Ok(());
        };
        self.forget_walk().await?;
        let reason = format!(
            "it repeats the entries of {newer}, which leads to it; with max_pages 0 the document \
             is read alone"
        );
        Err(nonsense(&page.url, reason))
    }

    fn check_count(&mut self) -> Result<(), ReadError> {
        let limit = self.place.settings.max_pages;
        if self.progress().pages.count() < limit as usize {
            return Ok(());
        }
        Err(Discontinuity::TooManyPages { url: self.place.url.to_string(), limit }.into())
    }
}

/// The page before a document, and how it is linked. Of an older page, only the relation counts by
/// which it was found itself.
pub(crate) fn older(
    document: &OpenDocument,
    kind: Option<PageKind>,
    settings: &DocumentSettings,
) -> Result<Option<(PageKind, String)>, ReadError> {
    if document.document.complete || settings.max_pages == 0 {
        return Ok(None);
    }
    let kinds = [PageKind::Archive, PageKind::Paged];
    let linked =
        kinds.into_iter().filter(|it| kind.is_none_or(|kind| kind == *it)).find_map(|it| {
            let relation = it.relation();
            let link = document.document.links.iter().find(|link| link.relation == relation)?;
            Some((it, &link.href))
        });
    let Some((kind, href)) = linked else { return Ok(None) };
    let mut url = document.url.join(href).map_err(|error| {
        nonsense(document.url.as_str(), format!("its link {} is no URL: {error}", kind.relation()))
    })?;
    url.set_fragment(None);
    Ok(Some((kind, url.to_string())))
}

fn nonsense(url: &str, reason: String) -> ReadError {
    ReadError::Nonsense { url: url.to_owned(), reason }
}
