//! The routes of notes: everybody may read, a signed-in user may write, an administrator may delete.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};

use shared::cache::Lookup;
use shared::http::{
    Admin, Admission, Caller, EntityTag, Error, IfNoneMatch, Json, JsonResponse, NumericId, Query, Result,
};
use shared::stores::idempotent_write::IdempotencyToken;

use crate::note::{NewNote, Note, PageNumber};
use crate::store::Store;

/// Lists notes, through the cache.
#[utoipa::path(get, path = "/probe/notes", responses((status = 200)))]
pub(crate) async fn list_notes(
    State(store): State<Store>,
    admission: Admission,
    condition: IfNoneMatch,
    Query(number): Query<PageNumber>,
) -> Result<Response> {
    let page = match store.look_up_page(&number).await {
        Lookup::Hit(page) => page,
        Lookup::Miss(missed) => {
            admission.granted().await?;
            store.fetch_page(&number, missed).await?
        }
    };
    let page_tag = EntityTag::new(page.entity_tag());
    Ok(condition.respond(&page_tag, ([(CONTENT_TYPE, "application/json")], page.body()).into_response()))
}

/// Creates a note, once for each idempotency key.
#[utoipa::path(post, path = "/probe/notes", responses((status = 201)))]
pub(crate) async fn create_note(
    State(store): State<Store>,
    _: Caller,
    token: IdempotencyToken,
    Json(new_note): Json<NewNote>,
) -> Result<Response> {
    let note = store.insert(&new_note, &token).await?;
    let location = [(LOCATION, format!("/probe/notes/{}", note.id))];
    Ok((StatusCode::CREATED, location, JsonResponse(note)).into_response())
}

/// Gets one note.
#[utoipa::path(get, path = "/probe/notes/{id}", responses((status = 200)))]
pub(crate) async fn get_note(
    State(store): State<Store>,
    NumericId(id): NumericId,
) -> Result<JsonResponse<Note>> {
    Ok(JsonResponse(store.find(id).await?.ok_or(Error::NotFound)?))
}

/// Changes the text of a note.
#[utoipa::path(put, path = "/probe/notes/{id}", responses((status = 200)))]
pub(crate) async fn update_note(
    State(store): State<Store>,
    _: Caller,
    NumericId(id): NumericId,
    Json(NewNote { text }): Json<NewNote>,
) -> Result<JsonResponse<Note>> {
    Ok(JsonResponse(store.update(id, &text).await?.ok_or(Error::NotFound)?))
}

/// Deletes a note.
#[utoipa::path(delete, path = "/probe/notes/{id}", responses((status = 204)))]
pub(crate) async fn delete_note(
    State(store): State<Store>,
    _: Admin,
    NumericId(id): NumericId,
) -> Result<StatusCode> {
    if store.delete(id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Error::NotFound) }
}
