// Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.

//! Storage: Buckets, and the objects in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wire;
use crate::{Operation, Page, Shape, Stream};

impl Operation for ListBuckets {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "list_buckets";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Bucket>;
}

impl Operation for GetBucket {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "get_bucket";
    const SHAPE: Shape = Shape::Call;
    type Output = Bucket;
}

impl Operation for CreateBucket {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "create_bucket";
    const SHAPE: Shape = Shape::Call;
    type Output = Bucket;
}

impl Operation for DeleteBucket {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "delete_bucket";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListObjects {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "list_objects";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Object>;
}

impl Operation for GetObject {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "get_object";
    const SHAPE: Shape = Shape::Call;
    type Output = Object;
}

impl Operation for ReadObject {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "read_object";
    const SHAPE: Shape = Shape::Call;
    type Output = Download;
}

impl Operation for PutObject {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "put_object";
    const SHAPE: Shape = Shape::Call;
    type Output = Object;
}

impl Operation for CopyObject {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "copy_object";
    const SHAPE: Shape = Shape::Call;
    type Output = Object;
}

impl Operation for DeleteObject {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "delete_object";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for DeleteObjects {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "delete_objects";
    const SHAPE: Shape = Shape::Call;
    type Output = Deleted;
}

impl Operation for PresignObject {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "presign_object";
    const SHAPE: Shape = Shape::Call;
    type Output = URL;
}

impl Operation for GetObjectURL {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "get_object_url";
    const SHAPE: Shape = Shape::Call;
    type Output = URL;
}

impl Operation for UpdateObject {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "update_object";
    const SHAPE: Shape = Shape::Call;
    type Output = Object;
}

impl Operation for CreateMultipartUpload {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "create_multipart_upload";
    const SHAPE: Shape = Shape::Call;
    type Output = Upload;
}

impl Operation for UploadPart {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "upload_part";
    const SHAPE: Shape = Shape::Call;
    type Output = Part;
}

impl Operation for ListParts {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "list_parts";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Part>;
}

impl Operation for CompleteMultipartUpload {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "complete_multipart_upload";
    const SHAPE: Shape = Shape::Call;
    type Output = Object;
}

impl Operation for AbortMultipartUpload {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "abort_multipart_upload";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListMultipartUploads {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "list_multipart_uploads";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Upload>;
}

impl Operation for Call {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "native";
    const SHAPE: Shape = Shape::Call;
    type Output = Answer;
}

impl Operation for Pages {
    const FAMILY: &'static str = "storage";
    const NAME: &'static str = "native_pages";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Answer>;
}

/// Takes list_buckets. List the account's buckets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListBuckets {
    /// Only the bucket of this name.
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Where it is; empty if the provider does not say.
    pub location: String,
    /// When it was made; unset if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_bucket. Look a bucket up by its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetBucket {
    /// The bucket.
    pub bucket: String,
}

/// Takes create_bucket. Create a bucket. One that exists already is an already_exists error, one's own too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateBucket {
    /// What to call it; at most providers unique in the world.
    pub name: String,
    /// Where; the connection's region if not given.
    pub location: String,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes delete_bucket. Delete an empty bucket. One that is not empty is a conflict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteBucket {
    /// The bucket.
    pub bucket: String,
}

/// Takes list_objects. List a bucket's objects, by the bytes of their names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListObjects {
    /// The bucket.
    pub bucket: String,
    /// Only names that begin with it.
    pub prefix: String,
    /// Names that agree up to this after the prefix are given once, as a prefix: "/" lists like a folder.
    pub delimiter: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Object {
    /// The bucket it is in.
    pub bucket: String,
    /// Its name in the bucket.
    pub name: String,
    /// The length of its body. In bytes.
    pub size: i64,
    /// The MIME type; empty in lists of providers that leave it out.
    pub content_type: String,
    /// Changes whenever the body does; not a checksum.
    pub etag: String,
    /// Of the body, in hex, as far as the provider keeps them: md5, sha256, sha1, crc32, crc32c, crc64nvme.
    #[serde(deserialize_with = "wire::or_default")]
    pub checksums: BTreeMap<String, String>,
    /// Its own metadata; names are lower case. Empty in lists of providers that leave it out.
    #[serde(deserialize_with = "wire::or_default")]
    pub metadata: BTreeMap<String, String>,
    /// The provider's word; empty if it has none.
    pub storage_class: String,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Not an object but what several names have in common, in a list with a delimiter.
    pub is_prefix: bool,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_object. Look an object up: its size, type, checksums and metadata, not its body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetObject {
    /// The bucket.
    pub bucket: String,
    /// The object's name.
    pub name: String,
}

/// Takes read_object. Open an object's body, whole or a range, as a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadObject {
    /// The bucket.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// Where to begin. Beyond the end is an invalid_argument error, unless the object is empty and offset 0. In bytes.
    pub offset: i64,
    /// How much at most; to the end if not given. In bytes.
    pub length: i64,
    /// Only if the object still has this etag; else a conflict.
    pub if_etag: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Download {
    /// The object, its size that of the whole.
    #[serde(deserialize_with = "wire::or_default")]
    pub object: Object,
    /// The bytes. An error of kind internal at its end means that they were damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Stream>,
}

/// Takes put_object. Write an object from a stream, whole or not at all. One that is there already is replaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PutObject {
    /// The bucket.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// The bytes: a stream, a string or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Stream>,
    /// How many there are, if known beforehand. A body of another length is an invalid_argument error, and nothing is written. In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// The MIME type; application/octet-stream if not given.
    pub content_type: String,
    /// Its own metadata; names are lower case.
    #[serde(deserialize_with = "wire::or_default")]
    pub metadata: BTreeMap<String, String>,
    /// The provider's word; its default if not given.
    pub storage_class: String,
    /// Only if there is no such object; else an already_exists error.
    pub if_absent: bool,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes copy_object. Copy an object inside the provider, with its type and metadata.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyObject {
    /// The bucket it is in.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// The bucket of the copy; the same if not given.
    pub to_bucket: String,
    /// The name of the copy; the same if not given.
    pub to_name: String,
    /// The copy's metadata, if it shall not be the object's.
    #[serde(deserialize_with = "wire::or_default")]
    pub metadata: BTreeMap<String, String>,
}

/// Takes delete_object. Delete an object. One that is not there is a not_found error where the provider can tell, else nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteObject {
    /// The bucket.
    pub bucket: String,
    /// The object's name.
    pub name: String,
}

/// Takes delete_objects. Delete many objects of a bucket in as few requests as the provider has. Names that are not there count as deleted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteObjects {
    /// The bucket.
    pub bucket: String,
    /// The objects' names, as many as you like.
    #[serde(deserialize_with = "wire::or_default")]
    pub names: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deleted {
    /// How many are gone.
    pub count: i64,
    /// Those that are still there, and why.
    #[serde(deserialize_with = "wire::or_default")]
    pub failed: Vec<DeletionFailed>,
}

/// Takes presign_object. Make a URL with which anyone can get or put an object until it expires.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PresignObject {
    /// The bucket.
    pub bucket: String,
    /// The object's name; for put it need not exist.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub method: Option<Method>,
    /// How long it works. In s.
    pub expires: i64,
    /// For put: the type that must be sent with it.
    pub content_type: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct URL {
    /// The address.
    pub url: String,
    /// The HTTP method to use it with.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub method: Option<Method>,
    /// What must be sent with it.
    #[serde(deserialize_with = "wire::or_default")]
    pub headers: BTreeMap<String, String>,
    /// When it stops working; unset if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// Takes get_object_url. Say the object's public URL. It works for those who may read the object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetObjectURL {
    /// The bucket.
    pub bucket: String,
    /// The object's name.
    pub name: String,
}

/// Takes update_object. Replace an object's metadata and content type, keeping its body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateObject {
    /// The bucket.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// All the metadata it shall have.
    #[serde(deserialize_with = "wire::or_default")]
    pub metadata: BTreeMap<String, String>,
    /// The MIME type it shall have; as it is if not given.
    pub content_type: String,
}

/// Takes create_multipart_upload. Begin an object that is written in parts. Nothing of it can be read before it is completed, and what has come of it waits until it is completed or aborted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateMultipartUpload {
    /// The bucket.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// How long the object will be, if known: some providers choose sizes by it. In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// The MIME type; application/octet-stream if not given.
    pub content_type: String,
    /// Its own metadata; names are lower case.
    #[serde(deserialize_with = "wire::or_default")]
    pub metadata: BTreeMap<String, String>,
    /// The provider's word; its default if not given.
    pub storage_class: String,
    /// What the provider takes beyond these, as put_object does.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Upload {
    /// The bucket it is for.
    pub bucket: String,
    /// The name that the object will have.
    pub name: String,
    /// What tells it from other uploads, of the same name too.
    pub id: String,
    /// What a part must have at least, but for the last one. Where it is max_part_size too, all parts but the last have just that. In bytes.
    pub min_part_size: i64,
    /// What a part can have at most; 0 is any size. In bytes.
    pub max_part_size: i64,
    /// How many parts there can be, and the highest number; 0 is any number.
    pub max_parts: i64,
    /// When it was begun; unset if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes upload_part. Write one part of an upload, in any order and many at a time. One of that number that is there already is replaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadPart {
    /// The bucket.
    pub bucket: String,
    /// The name that the object will have.
    pub name: String,
    /// The upload.
    pub upload: String,
    /// The part's place, from 1. Parts are joined by number, without gaps.
    pub number: i64,
    /// The bytes: a stream, a string or bytes. What can be sought in is read twice where that saves memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Stream>,
    /// How many there are, if known beforehand. A body of another length is an invalid_argument error, and nothing is written. In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// The upload it is of.
    pub upload: String,
    /// Its place, from 1.
    pub number: i64,
    /// How long it is. In bytes.
    pub size: i64,
    /// Changes whenever the part does.
    pub etag: String,
    /// Of the part, in hex, as far as the provider keeps them: md5, sha256, sha1, crc32, crc32c, crc64nvme.
    #[serde(deserialize_with = "wire::or_default")]
    pub checksums: BTreeMap<String, String>,
    /// When it was written; unset if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// Takes list_parts. List the parts of an upload that are there, by number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListParts {
    /// The bucket.
    pub bucket: String,
    /// The name that the object will have.
    pub name: String,
    /// The upload.
    pub upload: String,
}

/// Takes complete_multipart_upload. Make the object of the parts given. One that is there already is replaced. The upload is gone then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompleteMultipartUpload {
    /// The bucket.
    pub bucket: String,
    /// The name that the object will have.
    pub name: String,
    /// The upload.
    pub upload: String,
    /// The parts, from number 1 without gaps, as upload_part or list_parts gave them. One that is not there as given is an invalid_argument error; what is there beyond them is dropped.
    #[serde(deserialize_with = "wire::or_default")]
    pub parts: Vec<Part>,
    /// Of the whole body, in hex, as far as known: the provider compares those that it can, and an object that is not as they say is an error of kind internal.
    #[serde(deserialize_with = "wire::or_default")]
    pub checksums: BTreeMap<String, String>,
    /// Only if there is no such object; else an already_exists error.
    pub if_absent: bool,
}

/// Takes abort_multipart_upload. Give an upload up and delete its parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AbortMultipartUpload {
    /// The bucket.
    pub bucket: String,
    /// The name that the object would have had.
    pub name: String,
    /// The upload. One that is not there is a not_found error where the provider can tell.
    pub upload: String,
}

/// Takes list_multipart_uploads. List the uploads of a bucket that are neither completed nor aborted, in no particular order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListMultipartUploads {
    /// The bucket.
    pub bucket: String,
    /// Only those for names that begin with it.
    pub prefix: String,
}

/// Takes native. Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// What to call, in the provider's words: an operation's name, or a method and a path; see the provider's page.
    pub operation: String,
    /// Its arguments, in the provider's words. They may stand by themselves: native("DescribeVpcs", MaxResults = 5). REST: query, headers and body.
    #[serde(deserialize_with = "wire::or_default")]
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The answer in the provider's own names; None if it has no body.
    #[serde(deserialize_with = "wire::or_default")]
    pub value: Value,
}

/// Takes native_pages. Call what the provider's own API answers with in pages, one item a page. Only for what reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pages {
    /// What to call, as for native.
    pub operation: String,
    /// Its arguments, as for native.
    #[serde(deserialize_with = "wire::or_default")]
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeletionFailed {
    /// The object's name.
    pub name: String,
    /// The kind of error.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub kind: Option<crate::Kind>,
    /// The provider's words.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    #[serde(rename = "get")]
    Get,
    #[serde(rename = "put")]
    Put,
}
